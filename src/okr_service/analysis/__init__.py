"""Why, since when, and what if: what else the rollup can be asked.

    tree        an objective's descendants, or a cycle's forest, in display order
    explain     which contributors make up the progress of an objective, and which
                withhold the rest of it
    feeds       which key results make up the value of another, in the same way
    as of       how far everything was at a past moment, by today's structure and
                weights: of what was seen by then (`as_of`), what had been recorded
                and not yet voided by then (`known_at`, the same moment unless said)
    history     the progress that was shown at the end of each day
    simulate    what changes would come to: they are made by the same functions as
                real ones, in a transaction that is taken back

An objective's *share* in another above it is the product of its weight's share in
each parent on the way; its *contribution* is share × progress, what it *withholds*
share × (1 − progress). The contributors that explain a progress add up to it, but
for the rounding at each level: to less than depth × 0.000001.

Each is one statement, and PostgreSQL builds the answer. Whoever asks for more than
a screen holds gets it in pages (tree) or summed up (explain, pictures).
"""
