"""Publishing the feed to a broker: NATS JetStream, where `OKR_BROKER_URL` is set.

Every event of every tenant's feed, as the feed has it for who sees everything, goes to
`<prefix>.<tenant id>.<event type>`: a CloudEvent in structured mode, `Nats-Msg-Id` its id and
`Okr-Cursor` its place. A tenant's events are stored in the order of its feed, and each once.

*Whose turn.* Each tenant has one job in the queue, from the moment it is founded (a trigger
puts it there; the migration did for those there were). So nobody ever asks for all tenants,
whom the service cannot see, and it does not matter when the setting is made: without it no
worker takes jobs of this kind, and they lie where they are.

*Exactly once*, though workers die and acknowledgements are lost at any moment, and though two
publish at the same time (the queue gives a tenant's turn to one, but one that was thought dead
may wake up). No memory of the broker is relied upon but its stream:

- A publisher stores an event only once it knows that all before it are stored. So what is
  stored is the beginning of the feed, and the last message of a tenant says how much: a turn
  asks for it before it publishes, and goes on behind it, wherever its own cursor stands.
- An event is published with the number of the last message on its subject, which the
  publisher has looked at: an earlier event's. If anybody stored one since, the stream refuses
  it, and the publisher looks again. So a message that arrives late, or a second publisher,
  stores nothing twice, however long ago the duplicate window was.
- What is found in the stream counts only if it is an event of this feed, by its id. A feed
  that was restored from a copy gives out the places again, to other events: they are
  published, behind those that it does not know any more.
- The cursor, a row per tenant, is moved after the acknowledgements, so that nothing is left
  out. Behind it the stream may forget what it likes.

*A broker that is away*, has no room or does not answer is told of once, and tried again ever
later. Nothing else waits for it: turns hold no connection to the database while they publish,
and have a queue of their own. What the feed forgets meanwhile is lost to the broker, and that is
told too.
"""
