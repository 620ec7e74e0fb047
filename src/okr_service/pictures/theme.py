"""The paper, the colours and the sizes of letters."""

from typing import Literal

import svg

from okr_service.kernel.messages import Language
from okr_service.pictures.lettering import clean, xml

Theme = Literal["light", "dark", "auto"]

HEADING, BODY, SMALL, TINY = 16, 14, 12, 11

# the thing → its colour in the light, in the dark; `fill-<thing>`, `line-<thing>` in CSS
COLOURS = {
    "paper": ("#f8fafc", "#0f172a"),
    "card": ("#ffffff", "#1e293b"),
    "ink": ("#0f172a", "#f1f5f9"),
    "muted": ("#475569", "#cbd5e1"),
    "edge": ("#94a3b8", "#64748b"),
    "track": ("#e2e8f0", "#334155"),
    "course": ("#1d4ed8", "#93c5fd"),
    "ahead": ("#1d4ed8", "#93c5fd"),
    "on_track": ("#047857", "#6ee7b7"),
    "behind": ("#b45309", "#fcd34d"),
    "at_risk": ("#b91c1c", "#fca5a5"),
    "unmeasured": ("#475569", "#cbd5e1"),
}
_SHAPES = f"""
text{{font-family:system-ui,sans-serif;font-size:{SMALL}px}}
.heading{{font-size:{HEADING}px;font-weight:600}}
.body{{font-size:{BODY}px;font-weight:600}}
.strong{{font-weight:600}}
.tiny{{font-size:{TINY}px}}
.open{{fill:none}}
.crisp{{shape-rendering:crispEdges}}
.area{{fill-opacity:.14}}
.dashed{{stroke-dasharray:4 3}}
.plan{{stroke-dasharray:7 5;stroke-width:1.8}}
.stair{{stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}}
"""


def picture(
    title: str,
    description: str,
    size: tuple[int, int],
    language: Language,
    theme: Theme,
    drawn: list[svg.Element],
) -> str:
    """Put what is drawn on paper, with a title and a description for those who listen to it."""
    width, height = size
    head: list[svg.Element] = [
        svg.Title(text=xml(clean(title))),
        svg.Desc(text=xml(clean(description))),
        svg.Style(text=_style(theme)),
        svg.Rect(width=width, height=height, class_=["fill-paper"]),
    ]
    return str(
        svg.SVG(
            viewBox=svg.ViewBoxSpec(0, 0, width, height),
            width=width,
            height=height,
            lang=language,
            class_=[f"okr-{theme}"],
            extra={"role": "img"},
            elements=head + drawn,
        )
    )


def _style(theme: Theme) -> str:
    # Colours are spelt out, and not CSS variables: converters of SVG seldom know those.
    # Each rule names its theme, so that pictures of both may stand in one HTML page.
    scope = f".okr-{theme} "
    css = "".join(scope + rule for rule in _SHAPES.strip().splitlines(keepends=True)) + "\n"
    css += _colours(scope, dark=theme == "dark")
    if theme == "auto":
        css += f"@media (prefers-color-scheme: dark){{\n{_colours(scope, dark=True)}}}\n"
    return css


def _colours(scope: str, *, dark: bool) -> str:
    return "".join(
        f"{scope}.fill-{thing}{{fill:{both[dark]}}}\n{scope}.line-{thing}{{stroke:{both[dark]}}}\n"
        for thing, both in COLOURS.items()
    )
