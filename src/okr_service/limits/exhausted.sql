-- In how many windows of the past :kept seconds did a subject take its whole allowance?
-- :tenant_id, :subject whose; :allowed the allowance.

SELECT count(*) AS windows
  FROM request_counts
 WHERE tenant_id = :tenant_id
   AND subject = :subject
   AND window_start > now() - make_interval(secs => :kept)
   AND used >= :allowed
