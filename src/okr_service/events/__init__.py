"""The outbox, and the feed of what happened that others read from it.

Every write appends its *events* in its own transaction: those that the audit records
(`audit.service.record`, the one place where a write says what it did) by `okr_publish`, and
every change of an objective's progress or a key result's figures by a trigger, whichever
write caused it. A trigger waits for the end of the transaction, so that a thing is created
before it progresses. What the audit alone tells is who did it, and what concerns keys and
identity providers.

An event is appended without a *place* in its tenant's feed, so that no writer waits for
another. Places are given out, one after the other and without a gap, to what is committed,
when somebody reads (`okr_place_events`): 1, 2, 3 … in the order in which the events were
recorded, as far as they are committed; then the next. So a place, once read, has nothing
new before it, and:

- *Nothing is missed or doubled.* A consumer that stores its cursor together with what it
  made of the events before it can stop at any point and go on there.
- *Order.* What was committed before something was recorded stands before it. Events of one
  thing stand in the order of its changes: each was recorded while the thing was held. Those
  of transactions that ran at the same time may stand between one another.
- *Nobody is waited for.* A transaction that takes long, here or in another database of the
  server, holds nothing up: what it records gets its places when it is committed.
- *Copies.* Places live in the tables, so that a dump, a replica or a failover has them. A
  copy older than what a consumer has read gives out the same places again, to other events;
  a cursor bears a mark of its event, by which this is told (410 `cursor-of-another-feed`).

Events older than `OKR_EVENTS_KEPT_DAYS` are deleted, from the oldest on; a cursor before
them gets 410 `events-forgotten`. What events say of a person is erased with the person.

Of what is private one sees the events, as the things, only within one's reach, as it is when
they are read. So a consumer that is to mirror everything needs a credential that sees
everything: what becomes visible later was not in what it has read.
"""
