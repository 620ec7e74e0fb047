-- Have readings say what :corrections say of them.

UPDATE feed_readings AS r
   SET dimensions = c.dimensions, series = c.series, value = c.value
  FROM json_to_recordset(CAST(:corrections AS json)) AS c (
       id uuid, dimensions jsonb, series uuid, value numeric)
 WHERE r.tenant_id = :tenant_id AND r.id = c.id
