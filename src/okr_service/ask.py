"""Why, since when, how far: questions about the rollup, answered in the terminal.

Lines fit 80 columns.
"""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from okr_client.api.analysis import (
    explain_objective,
    get_objective_history,
    get_objective_tree,
)
from okr_client.models import Step, TreeNodeView
from okr_service.client import LOCAL, ApiKey, Url, answered, calling, moment

_WIDTH = 80
_BAR = 40

rollup_app = typer.Typer(
    no_args_is_help=True, help="Ask why and since when; check the rolled-up figures, or mend them."
)
Objective = Annotated[str, typer.Argument(help="An objective: its id, or external:<external id>.")]


@rollup_app.command()
def explain(
    objective: Objective,
    depth: Annotated[int, typer.Option(min=1, max=32, help="Levels to look into.")] = 32,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most contributors named.")] = 7,
    as_of: Annotated[
        datetime | None, typer.Option(parser=moment, help="At a past moment, like 2026-06-30.")
    ] = None,
    known_at: Annotated[
        datetime | None, typer.Option(parser=moment, help="By what was known at another.")
    ] = None,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Say what an objective's progress is made of, what withholds most of it first."""
    with calling(url, api_key) as service:
        found = answered(
            explain_objective.sync_detailed(
                objective, client=service, depth=depth, limit=limit, as_of=as_of, known_at=known_at
            )
        )
    node, others = found.objective, found.others
    print(f"{_percent(node.progress)}  {_cut(node.title, _WIDTH - 9)}")
    print("withheld    share  progress")
    for one in found.contributors:
        within = f"{one.path[-1].title} › " if one.path else ""
        shown = _cut(within + one.title, _WIDTH - 30, from_start=bool(within))
        print(f"{_part(one.withheld)}  {_part(one.share)}  {_percent(one.progress)}  {shown}")
    if others.count:
        told = f"{_part(others.withheld)}  {_part(others.share)}"
        print(f"{told}           {others.count} more")


@rollup_app.command()
def tree(
    objective: Objective,
    depth: Annotated[int, typer.Option(min=0, max=32, help="Levels below it.")] = 2,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most children of each.")] = 20,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Show an objective and those beneath it."""
    with calling(url, api_key) as service:
        found = answered(
            get_objective_tree.sync_detailed(objective, client=service, depth=depth, limit=limit)
        )
    for line in _branch(found, "", ""):
        print(line)


def _branch(node: TreeNodeView, first: str, rest: str) -> Iterator[str]:
    health = node.health.replace("_", " ")
    beginning = f"{first}{_percent(node.progress).strip()} {health}: "
    title = _cut(node.title, _WIDTH - len(beginning))
    yield f"{beginning}{title}"
    children, more = node.children, node.has_more_children
    for place, child in enumerate(children):
        is_last = place == len(children) - 1 and not more
        yield from _branch(
            child, rest + ("└─ " if is_last else "├─ "), rest + ("   " if is_last else "│  ")
        )
    if more:
        yield f"{rest}└─ …"


@rollup_app.command()
def history(
    objective: Objective,
    every: Annotated[Step, typer.Option(help="How far apart its points are.")] = Step.MONTH,
    url: Url = LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Show an objective's progress over its cycle; | is where it should have been."""
    with calling(url, api_key) as service:
        found = answered(
            get_objective_history.sync_detailed(objective, client=service, every=every)
        )
    for point in found.data:
        expected = round(point.expected_progress * _BAR)
        bar = ("█" * round((point.progress or 0) * _BAR)).ljust(_BAR + 1)
        bar = f"{bar[:expected]}|{bar[expected + 1 :]}"
        print(f"{point.date}  {_percent(point.progress)}  {bar}".rstrip())


def _percent(progress: float | None) -> str:
    return "       –" if progress is None else f"{progress:6.1%}".replace("%", " %")


def _part(share: float) -> str:
    return f"{share:6.1%}".replace("%", " %")


def _cut(text: str, width: int, *, from_start: bool = False) -> str:
    """Shorten a text to so many columns, leaving out its end or its beginning."""
    if _columns(text) <= width:
        return text
    while _columns(text) > width - 1:
        text = text[1:] if from_start else text[:-1]
    return f"…{text}" if from_start else f"{text}…"


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
