-- When were the API keys :key_ids last used? At :times, unless later is known. In the order
-- of the keys, for another process may be recording the same.

INSERT INTO api_key_uses (tenant_id, api_key_id, last_used_at)
SELECT k.tenant_id, k.id, used.at
  FROM unnest(:key_ids, :times) AS used (key_id, at)
  JOIN api_keys AS k ON k.tenant_id = :tenant_id AND k.id = used.key_id
 ORDER BY k.id
ON CONFLICT (tenant_id, api_key_id) DO UPDATE
   SET last_used_at = greatest(api_key_uses.last_used_at, excluded.last_used_at)
