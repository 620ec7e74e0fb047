"""What a query selects, as one SQL statement whose JSON PostgreSQL builds.

    { objectives(first: 2) { nodes { title owner { name } } } }

becomes, a level of braces at a time,

    SELECT json_build_object('nodes', coalesce(json_agg(d0), '[]'))
      FROM (SELECT json_build_object(
                     'title', objectives.title,
                     'owner', (SELECT json_build_object('name', people.name)
                                 FROM people
                                WHERE people.tenant_id = $1 AND people.id = t1.owner_id)) AS d0
              FROM objectives CROSS JOIN LATERAL (SELECT objectives.owner_id) AS t1
             WHERE objectives.tenant_id = $1 AND objectives.deleted_at IS NULL
             ORDER BY objectives.id LIMIT 2) AS page

The bytes that come back are the answer; no row becomes a Python object. To see the
statement of a query of yours, print `Plan.statement.parts`.

Read the modules in this order:

- `selections`: which fields a selection comes to, through fragments and directives.
- `levels`: a row at hand, and every condition that a row must meet to be seen.
- `columns`: a field of the row itself; JSON objects of fields.
- `nodes`: the object of a row, and the edges to single rows.
- `connections`, with `pages`: an edge to many rows, page by page.
- `root_fields`: `Projection`, the way in: root fields, and what a write shows.
- `statement`: what is kept of a query, and filled in for each request.
- `cost`: about how much a query would show, told before it is asked.

What it is good to know:

- Each level selects from its table by the table's own name, so that the expressions by
  which REST shows a row (`kernel.documents.Collection`) can stand in it as they are; the
  same table further in hides the one further out. What a level's edges need of its row it
  therefore hands in under a name of its own, `t1`, `t2`, … (PostgreSQL plans that away).
  Only where a field needs what the collection joins is it joined.
- What a value of the request decides (a filter, a cursor, a reference, whose keys) is a
  *slot* in the text, filled for each request with conditions and bound parameters; the rest
  is written once for each shape of a query (`graphql.operations`). Nothing of a caller's
  gets into the text but names that GraphQL's grammar allows, and numbers.
- A caller who does not see everything gets the collection's masks and conditions at every
  level, in every edge, count and look-up by id; and each level adds the permission of its
  kind to those that the statement takes.
"""
