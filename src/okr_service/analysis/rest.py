"""Questions about the rollup over REST."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.analysis import drawable, reads, service
from okr_service.analysis.reads import Moment, TreeRequest
from okr_service.analysis.service import Affected
from okr_service.analysis.shapes import (
    AsOfQuestion,
    AsOfView,
    ExplainQuestion,
    ExplanationView,
    FeedsQuestion,
    FeedsView,
    ForestView,
    HistoryQuestion,
    HistoryView,
    PictureQuestion,
    SimulatedView,
    Simulation,
    TreeNodeView,
    TreeQuestion,
)
from okr_service.cycles.errors import CycleNotFound
from okr_service.cycles.model import Cycle
from okr_service.kernel.fields import Ref
from okr_service.kernel.messages import Language, preferred_language
from okr_service.kernel.references import resolve
from okr_service.objectives.access import key_result_seen, objective_seen
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveNotFound
from okr_service.objectives.model import KeyResult, Objective
from okr_service.pictures.history import draw_history
from okr_service.pictures.tree import draw_tree
from okr_service.rest.answers import computed, document, picture
from okr_service.rest.endpoint import PictureEndpoint, Read, ReadCall, Write, needs
from okr_service.rest.routing import PathRef, room

router = room("analysis")
pictures = room("analysis", PictureEndpoint)

_SVG: dict[int | str, dict[str, object]] = {
    200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}
}


@router.get("/objectives/{ref:path}/tree", response_model=TreeNodeView)
@needs(Permission.READ)
async def get_objective_tree(
    ref: PathRef, wanted: Annotated[TreeQuestion, Query()], call: Read
) -> Response:
    """Show an objective with those beneath it, level by level."""
    objective_id = await _objective(call, ref)
    found = await reads.tree(call.tx, call.who, objective_id, _request(wanted))
    return document(call, found.objectives[1:-1])  # a list of one


@router.get("/cycles/{ref:path}/tree", response_model=ForestView)
@needs(Permission.READ)
async def get_cycle_tree(
    ref: PathRef, wanted: Annotated[TreeQuestion, Query()], call: Read
) -> Response:
    """Show a cycle's objectives that support none in it, each with those beneath it."""
    cycle_id = await resolve(call.tx, Cycle, call.who.tenant_id, ref, CycleNotFound(ref))
    found = await reads.forest(call.tx, call.who, cycle_id, _request(wanted))
    cursor = f'"{found.next_root}"' if found.next_root else "null"
    return document(call, f'{{"objectives":{found.objectives},"next_cursor":{cursor}}}')


@router.get("/objectives/{ref:path}/rollup", response_model=ExplanationView)
@needs(Permission.READ)
async def explain_objective(
    ref: PathRef, wanted: Annotated[ExplainQuestion, Query()], call: Read
) -> Response:
    """Say why an objective's progress is what it is: what makes it up, what withholds the rest."""
    objective_id = await _objective(call, ref)
    moment = Moment.of(wanted.as_of, wanted.known_at)
    found = await reads.explain(call.tx, call.who, objective_id, wanted.depth, wanted.limit, moment)
    return document(call, found)


@router.get("/objectives/{ref:path}/as-of", response_model=AsOfView)
@needs(Permission.READ)
async def get_objective_as_of(
    ref: PathRef, wanted: Annotated[AsOfQuestion, Query()], call: Read
) -> Response:
    """Show how far an objective, and those beneath it, had come at past moments."""
    objective_id = await _objective(call, ref)
    moments = [Moment(at, wanted.known_at or at) for at in wanted.at]
    found = await reads.as_of(call.tx, call.who, objective_id, moments, wanted.depth)
    return document(call, found)


@router.get("/objectives/{ref:path}/history", response_model=HistoryView)
@needs(Permission.READ)
async def get_objective_history(
    ref: PathRef, wanted: Annotated[HistoryQuestion, Query()], call: Read
) -> Response:
    """Show the progress that was shown at the end of each day, beside what was expected."""
    objective_id = await _objective(call, ref)
    found = await reads.history(
        call.tx,
        call.who,
        objective_id,
        wanted.first_day,
        wanted.last_day,
        wanted.every,
    )
    return document(call, found)


@router.get("/key-results/{ref:path}/rollup", response_model=FeedsView)
@needs(Permission.READ)
async def explain_key_result(
    ref: PathRef, wanted: Annotated[FeedsQuestion, Query()], call: Read
) -> Response:
    """Show which key results make up the value of one with the source `children`."""
    absent, seen = KeyResultNotFound(ref), key_result_seen(call.who.sight)
    row_id = await resolve(call.tx, KeyResult, call.who.tenant_id, ref, absent, seen)
    found = await reads.feeds(call.tx, call.who, row_id, wanted.depth, wanted.limit)
    return document(call, found)


async def _objective(call: ReadCall, ref: Ref) -> UUID:
    absent, seen = ObjectiveNotFound(ref), objective_seen(call.who.sight)
    return await resolve(call.tx, Objective, call.who.tenant_id, ref, absent, seen)


def _request(wanted: TreeQuestion) -> TreeRequest:
    return TreeRequest(
        wanted.depth,
        wanted.limit,
        wanted.cursor,
        key_results="key_results" in wanted.include,
        count_children=wanted.count == "exact",
    )


@router.post("/rollup:simulate", response_model=SimulatedView)
@needs(Permission.PLAN)
async def simulate(body: Simulation, call: Write) -> Response:
    """Say which objectives changes would move, without making them."""
    affected = await service.simulate(call.tx, call.who, body.changes)
    return computed({"objectives": [_shown(one) for one in affected]})


def _shown(one: Affected) -> dict[str, object]:
    return vars(one) | {
        "before": None if one.before is None else float(one.before),
        "after": None if one.after is None else float(one.after),
    }


@pictures.get("/objectives/{ref:path}/tree.svg", response_class=Response, responses=_SVG)
@needs(Permission.READ)
async def draw_objective_tree(
    ref: PathRef, wanted: Annotated[PictureQuestion, Query()], call: Read
) -> Response:
    """Draw an objective and those beneath it; a very large tree is summed up."""
    objective_id = await _objective(call, ref)
    root = await drawable.drawable_tree(call.tx, call.who, objective_id)
    return picture(call, draw_tree(root, _language(call, wanted), wanted.theme))


@pictures.get("/objectives/{ref:path}/history.svg", response_class=Response, responses=_SVG)
@needs(Permission.READ)
async def draw_objective_history(
    ref: PathRef, wanted: Annotated[PictureQuestion, Query()], call: Read
) -> Response:
    """Draw an objective's progress day by day, beside what was expected."""
    objective_id = await _objective(call, ref)
    title, points = await drawable.drawable_history(call.tx, call.who, objective_id)
    today = datetime.now(UTC).date()
    drawn = draw_history(title, points, today, _language(call, wanted), wanted.theme)
    return picture(call, drawn)


def _language(call: ReadCall, wanted: PictureQuestion) -> Language:
    accepted = call.request.headers.get("accept-language", "")
    return wanted.lang or preferred_language(accepted)
