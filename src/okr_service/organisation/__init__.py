"""Who there is: the units of a group and its people.

A *unit* is a node of the organisation tree: group, company, department or team.
Units form a forest at most 32 levels deep. A *person* belongs to one unit at
most, and can own objectives, key results and actions. HR knows both by their
`external_id`.

The tenant itself is the group; its settings say from which difference between
progress and expected progress on something is ahead, on track or behind.
"""
