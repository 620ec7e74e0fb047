"""Figures that other systems push under their own names, and what key results make of them.

A *metric feed* is one such system (an ERP, a BI job). It sends *readings*: of a metric,
told apart by dimensions (`{"plant": "hue"}`), a value that was observed at some moment. A
*mapping* says which key result takes which metric with which dimensions, exactly these, and
what it makes of the readings. A metric can be mapped to several key results; a key result
takes one mapping. (Key results that feed one another are something else: they are of
`objectives/feeds.py`. The feed of events is of `events`.)

A reading is known by its metric, `observed_at` and the sender's own id of it. The same sent
again changes nothing; with another value, or other dimensions, it corrects the former. So the
feed keeps a *set* of readings, and it does not matter in which order, how often or in which
portions they come:

    value(moment) = factor × figure(moment) + offset      (-factor where it is negated)

for each moment that has readings, in check-ins of that moment. `figure` is the reading of the
moment (`latest`), or the sum or the average of all from the first day of the key result's
cycle up to it; of several at one moment the one whose id is last counts as its latest. Values
are rounded half away from zero to 10 decimals. A mapping takes readings of the days of its key
result's cycle, in days of the feed's time zone.

`values.sql` compares what should have been reported by all this, from the earliest touched
moment on, with what was, and the difference is reported as any check-ins are: a changed value
is a new check-in that voids the old one, and says which reading it comes from. Doing it again
finds no difference; that is what replaying is. It also re-reports what somebody voided: a
reading that is wrong is corrected at its source.

A reading that counts for nothing is kept with the reason: nothing maps it, or not on that
day (`no_mapping`, `outside_cycle`); or its cycle is closed, its objective ended, its key result
takes no check-ins, or the value does not fit. Mapping it, or replaying the feed once the cycle
is open again, makes up for it. Of those that nothing maps only so many are kept for so long.

Writes to one feed wait for one another: they hold the feed before any key result.
"""
