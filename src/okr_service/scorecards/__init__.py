"""How far each unit has come in a cycle, and how well it reports and acts.

    scorecard      a unit's figures, and within them those of the units beneath it
    league table   the same figures of the units directly beneath it, in order of progress

A unit's progress is the weighted completion of the objectives that it owns in exactly
this cycle and that *count*: active or closed ones, not deleted. One that is aligned,
directly or through any others, under another such objective of the same unit and cycle
is left out, for its progress is in that one's already. What is reported of key results
and actions is of all objectives that count.

A unit's figures are its own; what its sub-units achieve reaches them through the
alignment of objectives, and no other way.
"""
