"""What a group wants to reach, and how it will know: objectives and key results.

An *objective* is what a unit or person wants to reach in a cycle. Objectives are
*aligned*: each may support one parent, in a forest at most 32 levels deep, and
its cycle lies within its parent's. An objective goes draft → active → closed, or
→ cancelled from draft or active; reopening is closed → active.

A *key result* is a measured figure of one objective, with a start, a target and
a current value; its plan says which value is due when. Its `metric` says how its
progress is read off its value (see `model`).

What is deleted is kept, unseen, with its history; it counts in nothing.
"""
