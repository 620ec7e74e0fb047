"""When: the dated periods a group plans in.

Cycles nest: a year holds quarters, a quarter months; a cycle lies within its
parent's dates. A cycle is known by its `code` (`2026`, `2026-Q3`, `2026-09`).
A closed cycle accepts no writes but reopening, nor does anything in it; closing one
closes those beneath it (see `closing`). What is reopened beneath a closed one still
rolls up into it: progress is no edit.
"""
