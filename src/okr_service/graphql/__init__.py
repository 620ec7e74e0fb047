"""What all GraphQL types share: the schema, its protocol, and reads projected into SQL.

A room's `graphql.py` says what there is in it: its *kinds* of node (`kinds.Kind`), how
they are linked, and its root fields, each with the permission it takes. Out of that
`schema` makes a Strawberry schema; `projection` turns what a query selects into one SQL
statement whose JSON PostgreSQL builds; `door` speaks GraphQL over HTTP.

What always holds:

- A root field without a permission does not start.
- Whatever kinds a query reaches, by whichever edge, the caller needs their permissions;
  rows that the caller does not see are not there: not as nodes, not by id, not in counts.
- Names are REST's in camelCase, enumerations in capitals. `id` is global (Relay), `rowId`
  is REST's `id`; wherever an id is taken, either does, and `external:` and a key.
"""
