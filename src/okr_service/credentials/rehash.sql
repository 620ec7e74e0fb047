-- Keep :hashes for the API keys :key_ids. Those that somebody is changing are left for the
-- next time they are used: nobody waits for this, and this for nobody.

WITH free AS (
    SELECT id
      FROM api_keys
     WHERE tenant_id = :tenant_id AND id = ANY (:key_ids)
       FOR UPDATE SKIP LOCKED
)

UPDATE api_keys AS k
   SET key_hash = anew.hash
  FROM unnest(:key_ids, :hashes) AS anew (key_id, hash)
  JOIN free ON free.id = anew.key_id
 WHERE k.tenant_id = :tenant_id AND k.id = anew.key_id
