"""Questions about the rollup in GraphQL."""

from datetime import UTC, datetime
from uuid import UUID

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
from okr_service.graphql.roots import Done, Question, ReadCall, Room, Write, WriteCall
from okr_service.kernel.fields import Ref
from okr_service.kernel.references import resolve
from okr_service.objectives.access import key_result_seen, objective_seen
from okr_service.objectives.errors import KeyResultNotFound, ObjectiveNotFound
from okr_service.objectives.model import KeyResult, Objective
from okr_service.pictures.history import draw_history
from okr_service.pictures.tree import draw_tree


async def _objective(call: ReadCall, ref: Ref) -> UUID:
    absent, seen = ObjectiveNotFound(ref), objective_seen(call.who.sight)
    return await resolve(call.tx, Objective, call.who.tenant_id, ref, absent, seen)


def _request(asked: TreeQuestion) -> TreeRequest:
    return TreeRequest(
        asked.depth,
        asked.limit,
        asked.cursor,
        key_results="key_results" in asked.include,
        count_children=asked.count == "exact",
    )


async def _tree(call: ReadCall, ref: Ref, asked: TreeQuestion) -> str:
    found = await reads.tree(call.tx, call.who, await _objective(call, ref), _request(asked))
    return found.objectives[1:-1]  # a list of one


async def _forest(call: ReadCall, ref: Ref, asked: TreeQuestion) -> str:
    cycle_id = await resolve(call.tx, Cycle, call.who.tenant_id, ref, CycleNotFound(ref))
    found = await reads.forest(call.tx, call.who, cycle_id, _request(asked))
    cursor = f'"{found.next_root}"' if found.next_root else "null"
    return f'{{"objectives":{found.objectives},"next_cursor":{cursor}}}'


async def _explain(call: ReadCall, ref: Ref, asked: ExplainQuestion) -> str:
    objective_id, moment = await _objective(call, ref), Moment.of(asked.as_of, asked.known_at)
    return await reads.explain(call.tx, call.who, objective_id, asked.depth, asked.limit, moment)


async def _as_of(call: ReadCall, ref: Ref, asked: AsOfQuestion) -> str:
    objective_id = await _objective(call, ref)
    moments = [Moment(at, asked.known_at or at) for at in asked.at]
    return await reads.as_of(call.tx, call.who, objective_id, moments, asked.depth)


async def _history(call: ReadCall, ref: Ref, asked: HistoryQuestion) -> str:
    objective_id = await _objective(call, ref)
    days = (asked.first_day, asked.last_day)
    return await reads.history(call.tx, call.who, objective_id, *days, asked.every)


async def _feeds(call: ReadCall, ref: Ref, asked: FeedsQuestion) -> str:
    absent, seen = KeyResultNotFound(ref), key_result_seen(call.who.sight)
    found = await resolve(call.tx, KeyResult, call.who.tenant_id, ref, absent, seen)
    return await reads.feeds(call.tx, call.who, found, asked.depth, asked.limit)


async def _tree_picture(call: ReadCall, ref: Ref, asked: PictureQuestion) -> str:
    root = await drawable.drawable_tree(call.tx, call.who, await _objective(call, ref))
    return draw_tree(root, asked.lang or call.language, asked.theme)


async def _history_picture(call: ReadCall, ref: Ref, asked: PictureQuestion) -> str:
    objective_id = await _objective(call, ref)
    title, points = await drawable.drawable_history(call.tx, call.who, objective_id)
    today = datetime.now(UTC).date()
    return draw_history(title, points, today, asked.lang or call.language, asked.theme)


async def _simulate(call: WriteCall, given: Simulation) -> Done:
    affected = await service.simulate(call.tx, call.who, given.changes)
    return Done(told={"objectives": [_shown(one) for one in affected]})


def _shown(one: Affected) -> dict[str, object]:
    return vars(one) | {
        "before": None if one.before is None else float(one.before),
        "after": None if one.after is None else float(one.after),
    }


_READ = Permission.READ
ROOM = Room(
    questions=[
        Question(
            "objectiveTree", "An objective with those beneath it, level by level.",
            _READ, TreeNodeView, _tree, TreeQuestion,
        ),
        Question(
            "cycleTree", "A cycle's objectives that support none in it, and those beneath them.",
            _READ, ForestView, _forest, TreeQuestion,
        ),
        Question(
            "explainObjective",
            "Why its progress is what it is: what makes it up, what withholds the rest.",
            _READ, ExplanationView, _explain, ExplainQuestion,
        ),
        Question(
            "objectiveAsOf", "How far an objective, and those beneath it, had come at moments.",
            _READ, AsOfView, _as_of, AsOfQuestion,
        ),
        Question(
            "objectiveHistory", "The progress shown at the end of each day, and the expected.",
            _READ, HistoryView, _history, HistoryQuestion,
        ),
        Question(
            "explainKeyResult", "Which key results make up the value of one that is fed.",
            _READ, FeedsView, _feeds, FeedsQuestion,
        ),
        Question(
            "objectiveTreePicture", "A picture of an objective and those beneath it, as SVG.",
            _READ, str, _tree_picture, PictureQuestion,
        ),
        Question(
            "objectiveHistoryPicture", "A picture of an objective's progress, as SVG.",
            _READ, str, _history_picture, PictureQuestion,
        ),
    ],
    writes=[
        Write(
            "simulate", "Say which objectives changes would move, without making them.",
            Permission.PLAN, _simulate, Simulation, about_one=False, also=SimulatedView,
        ),
    ],
)  # fmt: skip
