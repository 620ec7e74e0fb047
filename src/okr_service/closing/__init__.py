"""How objectives and cycles end.

Closing an objective records a final score, 0 to 1 (its progress, unless another is
given), and a retrospective note; it goes on counting in what it supports. Closing a
cycle closes the cycles beneath it and every active objective in them, at once;
drafts stay as they are.

An unfinished objective can be *carried over* to another cycle: a new objective that
names the one it goes on with (`carried_over_from_id`), with copies of the key
results that are not finished, which start from where they had come. The old one is
closed.
"""
