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
    objectives = Objectives(of)
    key_results = KeyResults(of, objectives.work)
    actions = Actions(of, key_results.work)
    await objectives.compare()
    await key_results.compare()
    await actions.compare()
    await _hold(of, pruning)
    await objectives.load()
    await key_results.load()
    await key_results.report()
    await actions.load()
    await prune(of.tx, of.who, pruning)


async def _hold(of: Import, pruning: Pruning) -> None:
    """Hold what is there already and will be touched."""
    touched = of.touched
    hung = [one.key_result_id for one in pruning.doomed if one.key_result_id is not None]
    held = await hold_named(of.tx, of.who, sorted(touched.key_result_keys), hung)
    above = await named_objectives(of.tx, of.who, map(external, touched.objective_codes))
    its = {*touched.objectives, *above.ids.values(), *(row.objective_id for row in held)}
    its |= {one.objective_id for one in pruning.doomed}
    await rollup.hold(of.tx, of.who.tenant_id, its)
