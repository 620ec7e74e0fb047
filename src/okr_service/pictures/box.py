"""A box of the alignment tree: who wants what, how far it is, and how well."""

from decimal import Decimal

import svg

from okr_service.kernel.messages import Language
from okr_service.pictures.lettering import clean, label, wrapped, xml
from okr_service.pictures.shapes import TreeNode
from okr_service.pictures.theme import BODY, SMALL
from okr_service.pictures.words import factor, more, percent, word

WIDTH, MORE_HEIGHT = 288, 34
_PAD, _LINE, _BAR, _MARK = 14, 18, 8, 16
_INSIDE = WIDTH - 2 * _PAD
_FIGURE = 66  # the space for "100.0 %"
_CORNERS = {
    "ahead": ((0, -5), (5.5, 5), (-5.5, 5)),
    "behind": ((0, -6), (6, 0), (0, 6), (-6, 0)),
    "at_risk": ((0, 5), (-5.5, -5), (5.5, -5)),
}  # the other marks are round


def draw_box(node: TreeNode, x: int, y: int, language: Language) -> tuple[svg.Element, int]:
    """Draw an objective; return it and where it ends."""
    left = x + _PAD
    baseline = y + 24
    letters: list[svg.Element] = []
    ink = "fill-ink" if node.state in {"active", "closed"} else "fill-muted"
    for line in wrapped(node.title, _INSIDE, BODY, lines=2, bold=True):
        letters.append(label(line, left, baseline, "body", ink))
        baseline += _LINE
    people = " · ".join(filter(None, (node.unit, node.owner)))
    (people,) = wrapped(people, _INSIDE, SMALL)
    letters.append(label(people, left, baseline))
    bar = _bar(node, left, baseline + 12)
    baseline += 12 + _BAR + _LINE
    standing = _standing(node, left, baseline, language)
    bottom = baseline + _PAD
    about = svg.Title(text=xml(_about(node, language)))
    frame = _frame(x, y, bottom - y, firm=ink == "fill-ink")
    return svg.G(elements=[about, frame, *letters, *bar, *standing]), bottom


def draw_more(count: int, x: int, y: int, language: Language) -> svg.Element:
    """Draw in place of objectives that are left out how many they are."""
    text = label(more(count, language), x + WIDTH // 2, y + 21, anchor="middle")
    return svg.G(elements=[_frame(x, y, MORE_HEIGHT, firm=False), text])


def draw_key(x: int, y: int, language: Language) -> svg.Element:
    """Explain the tick of the bars, and the factors beside the connectors."""
    told = f"{word('expected', language)} · ×2 {word('weight', language)}"
    return svg.G(elements=[_tick(x + 2, y - _BAR), label(told, x + 10, y)])


def _frame(x: int, y: int, height: int, *, firm: bool) -> svg.Element:
    classes = ["box", "fill-card", "line-edge", *([] if firm else ["dashed"])]
    return svg.Rect(x=x, y=y, width=WIDTH, height=height, rx=6, class_=classes)


def _bar(node: TreeNode, x: int, y: int) -> list[svg.Element]:
    filled = round(_INSIDE * _within(node.progress or Decimal(0)), 1)
    expected = round(_INSIDE * _within(node.expected_progress), 1)
    return [
        svg.Rect(x=x, y=y, width=_INSIDE, height=_BAR, rx=2, class_=["fill-track"]),
        svg.Rect(x=x, y=y, width=filled, height=_BAR, rx=2, class_=[f"fill-{node.health}"]),
        _tick(x + expected, y),
    ]


def _tick(x: float, y: float) -> svg.Element:
    return svg.Rect(x=round(x - 1, 1), y=y - 3, width=2, height=_BAR + 6, class_=["fill-ink"])


def _within(share: Decimal) -> float:
    return float(min(max(share, Decimal(0)), Decimal(1)))


def _standing(node: TreeNode, x: int, y: int, language: Language) -> list[svg.Element]:
    """Draw the line beneath the bar: health as a mark and a word, and a state worth saying."""
    drawn = [_mark(node.health, x + 6, y - 4)]
    drawn.append(label(percent(node.progress, language), x + _MARK, y, "strong", "fill-ink"))
    if node.health != "unmeasured":
        drawn.append(label(word(node.health, language), x + _MARK + _FIGURE, y))
    if node.state != "active":
        drawn.append(label(word(node.state, language), x + _INSIDE, y, anchor="end"))
    return drawn


def _mark(health: str, x: float, y: float) -> svg.Element:
    if corners := _CORNERS.get(health):
        points = [svg.Point(x + dx, y + dy) for dx, dy in corners]
        return svg.Polygon(points=points, class_=[f"fill-{health}"])
    if health == "unmeasured":
        return svg.Circle(cx=x, cy=y, r=4.5, stroke_width=2, class_=["open", "line-unmeasured"])
    return svg.Circle(cx=x, cy=y, r=5.5, class_=[f"fill-{health}"])


def _about(node: TreeNode, language: Language) -> str:
    """Say what there is no room for: the whole title, the weight, what its people say."""
    facts = [clean(node.title), f"{word('weight', language)} {factor(node.weight, language)}"]
    if node.confidence:
        facts.append(f"{word('confidence', language)}: {word(node.confidence, language)}")
    return " · ".join(facts)
