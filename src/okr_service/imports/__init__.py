"""Loading a year's targets from the flat file that planners keep.

One row is one key result, or one action of it; the columns before repeat what it
belongs to. Rows are matched by their codes, which are the external ids: what is
new is created, what differs is updated, what is the same is left alone. A cell
that is empty says nothing, so it changes nothing. Parents may come after their
children.

An import is written by the same rules as every other write, each thing by whoever may
write it one by one, and in one transaction: all of it is loaded, or nothing. Where rows
that do not fit are to be skipped, it comes to what a file without them would have done;
what depends on such a row does not fit either. A dry run does it all and takes it back.
Imports of a tenant wait for one another.

What is no longer in a file stays as it is, but where the file is said to hold everything
of some units and cycles (`pruning`).

`formats` opens a file: `delimited` (CSV, in an encoding that `encodings` finds out),
`lines` (NDJSON) and `workbook` (XLSX; `package` unpacks it with care, `survey` sees what
the reader does not tell, `merged` fills in merged cells) are `sources` of rows.
`header` finds the header among them, `columns` knows what the columns are called,
`outline` what empty cells mean, and `table` holds the rows together. `cells` reads
numbers and dates as people write them (`measures`: thousands and millions), `plan`
gathers the rows into the units, cycles, objectives, key results and actions they speak
of (`calendar` knows the periods). `present` reads what is there of these, `comparing` says
what the file changes in it, and `load` makes it so: `frame` the units and cycles, then
`objectives`, `key_results` and `actions`, each by way of a `work`. `ledger` keeps what
became of each row, `suggesting` knows what may have been meant, and `service` holds it all
together. `template` makes a workbook to fill in, `annotated` and `mending` give a file back
with its mistakes marked.
"""
