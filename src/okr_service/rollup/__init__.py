"""How far everything has come: exact sums kept on each objective, at once.

    progress(key result) = raw progress, clamped to [0, 1]
    progress(objective)  = Σ(weight × progress) / Σ(weight) over its contributors

each rounded half away from zero to 6 decimals, at every node. Contributors of an
objective are its key results and those child objectives that are active or
closed and have a progress. Nothing with a positive weight beneath it means no
progress: null, which counts neither above nor below the line in its parent.

Both sums are stored, exactly, on the objective; `progress` is a generated column
of them. So adding the change of one contributor and walking up (`propagate`)
gives, bit for bit, what computing everything anew gives (`verify`, `repair`).

A key result whose source is `children` has the aggregate (sum, average, min, max)
of the values of those that feed it, an average rounded to 10 decimals. Only
undeleted key results of active and closed objectives feed; one that was never
reported on counts with its start value. A changed value walks up the feeds first,
then every changed key result's progress up the objectives.

What changes an objective's progress also writes its point of the day (UTC) in its
history; computing many anew leaves one point each.

What is expected by now, health, and when a report is due are functions of the
stored figures and the day (`functions.sql`), computed when asked.

What is locked in which order, so that nothing waits in a circle:

1. the tenant's structure: alone, with others, or not at all (see `kernel.forest`);
2. the metric feed that is written to (see `okr_service/feeds/__init__.py`);
3. key results that are edited or reported on, by id; then those they feed, from the
   deepest, by id where equally deep;
4. the cycle that a write is in, against being closed;
5. action plans and actions;
6. objectives from the deepest to the root, by id where equally deep.

Nobody waits for a lane of the audit (see `okr_service/audit/__init__.py`): it may be taken
at any time. A single change needs no look ahead for the last, for each level's row is locked by
its own update, child before parent. Those that touch several objectives lock all
rows above them first. Whoever takes things in another order (an edit of an objective
takes its row early) holds the structure alone. What is left, two requests of which
each waits for the other, PostgreSQL ends, and the door runs it again.

Which objectives count is said in `Contribution.of`, `okr_bump`, `okr_fed_value` and
`recomputed.sql`; which check-in is the latest in `checkins/refresh.sql`,
`wrong_key_results.sql` and `analysis/as_of.sql`. The tests hold all of them against one
model in fractions.
"""
