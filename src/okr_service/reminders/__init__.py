"""Reminding people of what is due: events for other systems, a calendar for each person.

A check-in is due by a cadence (`objectives.expectations`, the one place that knows), an
action by its due date while it is open. Both only while their objective is active and its
cycle open.

**Events.** `okr.check_in.due` and `okr.action.due` are told some days ahead
(`reminder_days_ahead` of the tenant), `….overdue` on the day after the due date. A day
begins at `reminder_hour` (UTC), so that nobody is told at night. They go the way of all
events, so the feed, webhooks and their filters have them, and what is private stays so.

- *Once.* What was told is a row of `reminders`: of what, for which due date, due or overdue.
  It is written by the transaction that appends the event, and its key is unique: whoever
  tells, however often and however many at once, one of them does.
- *Nothing stale.* What seems due is looked for without a lock. Then it is held, against
  those who report or edit it, and looked at again before it is told. What was due
  before it was noticed is told as overdue alone. A due date that comes back after
  another was told is not told again.
- *Bounded.* Nothing is told of what was due more than 400 days ago, so rows older than that
  are deleted. All that can be due is walked through by an index, a window at a time, and
  told in transactions of some hundreds.
- *The job.* Each tenant has one in the queue, which puts itself back until the next hour, and
  has done what else is to be done then (`okr_service.worker`).
  It is put there with the tenant. Workers look for tenants without one, when they begin
  and every ten minutes (`okr_put_hourly`), so that one that is lost is there again.

**Calendars.** A calendar program can send no bearer token, so the address of a calendar is
a secret: `/v1/calendars/okrcal_….ics`. It has the form of an API key and is kept as one, by
a keyed hash. A person has one at most; making another ends it. They make it themselves where they
may make keys, or an admin does: nobody else could be sure to see as much as they do. What it
shows is what the person owns and may see, as it is when it is asked for; it ends with their
`active`.
"""
