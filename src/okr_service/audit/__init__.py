"""Who changed what, when, by which request.

Every write leaves an event in its own transaction; events are never changed.
`before` and `after` hold only what differs.
"""
