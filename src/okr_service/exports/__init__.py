"""What callers see, as files: the plan as planners keep it, and tables to report from.

The plan is the flat file of imports, a row a key result or action, with the same columns in
the order of the template. What it says, an import reads back as it is: `plan` selects it,
`cells` writes texts and numbers so that no spreadsheet runs one and no reader takes one for
another. What has no code that an import would know it by goes by its id there.

The tables (`tables`, and `cards` for scorecards) have a row a thing, as lists show it.

Who exports sees what the lists show them, and no more. A file is read in parts, each by one
statement (`kernel.copying`), in the order of ids, which is that of their making: a thing
that changes meanwhile is in the file once, as it was or as it is. PostgreSQL writes CSV and
lines of JSON itself; `workbook` and `columnar` (Parquet) make theirs of those lines. Memory
does not grow with the file, and a slow reader holds no connection.
"""
