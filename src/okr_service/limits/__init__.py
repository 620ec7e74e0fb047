"""How much a caller may ask, counted across replicas.

A *subject* (a credential, a tenant, the address of a client that shows bad
credentials) has an *allowance* in each *window* of a minute. `request_counts`
holds how much of it is taken. A process takes a *slice* of it by one statement
and spends that in memory, so that a request seldom waits for the count:

- Slices are disjoint pieces of the allowance, cut by the database. Whatever the
  processes do, and in whichever order, no more is spent in a window than it has.
- A slice is spent before its window ends by the database's clock, however the
  clocks of the hosts differ. What is left of it then is lost.
- A process takes little at first, then as much again as it has taken, up to an
  eighth: it keeps no more from the others than it has spent itself, or a 64th.
- A window begins at a second of the minute of the subject's own, so that not
  all who were refused come back at once.
- Where the count cannot be had, requests are let through: what ails the
  database will fail them, the counting alone never does.

Windows are fixed, not sliding: what is left is then one number that only falls, so
that one statement cuts a slice, and a refused caller is told the very second to
come back. The price is that two allowances can be spent in the minute around a
window's end; the pools of connections hold such a burst back as they do any other.

Counts are worth nothing after a crash, so the table is unlogged; those past their
time are dropped as others are counted. An address is held only as a keyed hash.
"""
