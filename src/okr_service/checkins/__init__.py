"""What people and programs report: dated values of key results.

A *check-in* is append-only: what it reports is never changed, nor is it deleted;
voiding marks it, once. A correction is a new check-in that voids the old one. A
key result's current value is the value of its latest check-in by `observed_at`
(the latest recorded where several are equally late) that is not voided; reports
that arrive late or out of order are normal.
"""
