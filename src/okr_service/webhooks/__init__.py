"""Telling other systems what happens, by Standard Webhooks (standardwebhooks.com).

A *webhook* is an address that a tenant wants told, and of what: which types of event, of
which unit and all beneath it. What is told are the events of the feed, in its order, signed.

Each webhook that is enabled has one job in the queue, its *turn*, which puts itself back
whenever there is nothing to do. In its turn a webhook is *handed out* what is new in the
feed: a *delivery* for each event, from which the turn sends what is due. So writers wait for
no webhook, and a slow address holds up nobody but itself. Whoever commits something has the
turns of the tenant begin (`events.waking`); one that nobody began looks by itself each minute.

- *Nothing is lost.* How far a webhook was handed out is committed with the deliveries. A
  delivery that was taken and not settled, for whoever sent it died, is due again after a
  minute. So an event can come twice, under one `webhook-id`; it never comes not at all, unless it
  waited (for an address, a worker, a webhook enabled again) longer than the feed keeps it.
- *Order.* Events of one objective are a *line*: the next is sent once the one before it was
  taken, or was given up.
- *Retries.* After 5 s, then ever later, for three days; then a delivery is *dead*, until it
  is replayed. From its third failure in a row on the webhook itself pauses, and is tried with
  one delivery at a time; where nothing was taken for three days, or it answers 410, it is
  disabled, which `okr.webhook.disabled` tells.
- *Content.* A delivery holds no copy of its event: what is sent is the event as the feed has
  it then, without what was erased meanwhile.

Secrets are kept nowhere: they follow from the service's own and the webhook (`secrets`).
"""
