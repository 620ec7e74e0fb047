-- Plant :objectives active objectives as one complete tree: number n is aligned to
-- number (n - 1) / :fan_out, and number 0 is the root.
--
-- Ids are UUIDv7 that count up from :millis, so that rows and their indexes are
-- written in order; the digits after that come from the seed.

WITH node AS MATERIALIZED (
    SELECT n,
           (lpad(to_hex(CAST(:millis AS bigint) + n / 4096), 12, '0')
            || '7' || lpad(to_hex(n % 4096), 3, '0')
            || '8' || substr(digest, 1, 15))::uuid AS id,
           -- four pseudo-random numbers, to choose words and weight by
           ('x' || substr(digest, 16, 4))::bit(16)::int AS verb,
           ('x' || substr(digest, 20, 4))::bit(16)::int AS thing,
           ('x' || substr(digest, 24, 4))::bit(16)::int AS place,
           ('x' || substr(digest, 28, 4))::bit(16)::int AS weight
      FROM generate_series(0, CAST(:objectives AS bigint) - 1) AS n
     CROSS JOIN LATERAL md5(:seed || '/' || n) AS digest
)

INSERT INTO objectives (
    tenant_id, id, external_id, title, description, unit_id, cycle_id, parent_id,
    weight, state, ambition, tags, links, version
)
SELECT :tenant_id, node.id, 'L-' || node.n,
       concat_ws(
           ' ',
           (:verbs)[1 + node.verb % cardinality(:verbs)],
           (:things)[1 + node.thing % cardinality(:things)],
           (:places)[1 + node.place % cardinality(:places)],
           '– số ' || node.n
       ),
       '', :unit_id, :cycle_id, parent.id,
       1 + node.weight % 5, 'active', 'committed', '{}', '[]', 1
  FROM node
  LEFT JOIN node AS parent ON node.n > 0 AND parent.n = (node.n - 1) / :fan_out
 ORDER BY node.n
