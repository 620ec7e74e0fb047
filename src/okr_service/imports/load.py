"""Making a plan so, many things at once, through the rooms' own functions.

First it is looked up what is there and what of it the file changes; then everything that
will be touched is held, in the order that everyone keeps (see the rollup); then each kind
is written in batches, parents before children. What is the same is not touched.
"""

from okr_service.imports.actions import Actions
from okr_service.imports.key_results import KeyResults
from okr_service.imports.objectives import Objectives
from okr_service.imports.pruning import Pruning, prune
from okr_service.imports.work import Import, external
from okr_service.objectives.holding import hold_named
from okr_service.objectives.values import named_objectives
from okr_service.rollup import service as rollup


async def load(of: Import, pruning: Pruning) -> None:
    """Create and update all that a plan speaks of, and cancel what is to be pruned.

    The caller holds the tenant's structure alone.
    """
    objectives, key_results, actions = Objectives(of), KeyResults(of), Actions(of)
    await objectives.compare()
    await key_results.compare()
    await actions.compare()
    await _hold(of, objectives, key_results, actions, pruning)
    await objectives.load()
    await key_results.load()
    await key_results.report()
    await actions.load()
    await prune(of.tx, of.who, pruning)


async def _hold(
    of: Import,
    objectives: Objectives,
    key_results: KeyResults,
    actions: Actions,
    pruning: Pruning,
) -> None:
    """Hold what is there already and will be touched."""
    acted_on = {key[:2] for key in (*actions.work.new, *actions.work.differing)}
    keys = {*key_results.work.differing, *key_results.reports, *acted_on}
    hung = [one.key_result_id for one in pruning.doomed if one.key_result_id is not None]
    held = await hold_named(of.tx, of.who, ["/".join(key) for key in sorted(keys)], hung)
    differing = objectives.work.differing.values()
    codes = {key[0] for key in key_results.work.new} | {
        code
        for thing in (*objectives.work.new.values(), *(one.thing for one in differing))
        if (code := thing.text("parent_objective"))
    }
    above = await named_objectives(of.tx, of.who, map(external, codes))
    touched = {*above.ids.values(), *(row.objective_id for row in held)}
    touched |= {one.objective_id for one in pruning.doomed}
    for one in differing:
        touched |= {one.present.id, one.present.within or one.present.id}
    await rollup.hold(of.tx, of.who.tenant_id, touched)
