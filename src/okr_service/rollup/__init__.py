"""How far everything has come: exact sums kept on each objective, at once.

    progress(key result) = raw progress, clamped to [0, 1]
    progress(objective)  = Σ(weight × progress) / Σ(weight) over its contributors

each rounded half away from zero to 6 decimals, at every node. Contributors of an
objective are its key results and those child objectives that are active or
closed and have a progress. Nothing with a positive weight beneath it means no
progress: null, which counts neither above nor below the line in its parent.

Both sums are stored, exactly, on the objective; `progress` is a generated column
of them. So adding the change of one contributor and walking up (`propagate`)
gives, bit for bit, what computing everything anew gives (`recompute`).

What is locked in which order, so that nothing waits in a circle: the tenant's
structure (see `kernel.forest`), then key results by id, then objectives from the
deepest to the root, by id where equally deep. A single change needs no look
ahead for that, for each level's row is locked by its own update, child before
parent. Those that touch several objectives lock all rows above them first.
"""
