r"""Who changed what, when, by which request; and the proof that nobody altered it since.

Every write leaves an event in its own transaction. It names the person that the
credential stands for, if any (`actor_id`), the credential and the request; `before` and
`after` hold only what differs. The service's role in the database can read and add
events, and neither change nor remove any.

Events are chained: each has a place in a *lane* and a hash that covers the hash of the
one before it there. A tenant has several lanes, and a transaction takes any that nobody
else is writing in, or begins a new one; so no writer waits for another's events. Places
in a lane go 1, 2, 3 … without a gap; what is taken back takes its places back. A lane's
head keeps its length and last hash. A lane's number says nothing.

    hash   = SHA-256(hash before ‖ text)
    text   = [tenant_id, lane, place, id, occurred_at, actor_id, credential, request_id,
              action, subject, subject_id, before, after, personal_digest]

The hash before the first is empty. `text` is that JSON array in UTF-8, as PostgreSQL
writes JSON: `, ` between items and `: ` after names; members of an object ordered by the
length of their names in bytes, then by these bytes; of characters only `"`, `\` and those
below U+0020 escaped, with `\b \f \n \r \t` or else `\u` and four small hex digits;
numbers as they are, without an exponent. `occurred_at` is in UTC, like
`2026-09-30T08:00:00.000000Z`; ids and hex digits are in small letters; what is absent is
`null`. `tests/audit/test_recipe.py` does all this to an export in thirty lines.

What an event says of a person (its subject is `person`) is kept beside it, so that it
can be erased; in the event `before` and `after` are then null, and

    personal_digest = SHA-256(salt ‖ [before, after])

in hex in `text`, written in the same way. Erasing deletes both and the salt, so that
nobody can try whether a guess was right; the chain goes on to verify. It needs an event
`erased` of that person, or is told as a loss. Names that somebody wrote into a title or
a comment stay there and here: these are the tenant's own texts. Whatever else records an
event has to refer to people by id.

`verification` walks all chains up to their heads and finds what was altered, inserted,
moved or removed. It cannot see that the end of a lane was cut off together with its
head, or that everything from some event on was computed anew: the tables' owner could do
both. That shows against heads that were saved before, where the owner cannot reach them
(`heads`). What it cannot say is who did it.
"""
