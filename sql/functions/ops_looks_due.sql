-- ops.looks_due: whose charges want another look, because nothing names them and their time has come.
--   p_limit   at most so many
--   Returns   the subject whose turn should read which object: the customer, or a guest's charge itself. What is returned is
--             not returned again for an hour, then for a quarter of its age, at most a day: a look that cannot succeed is no
--             flood of dead letters.
--   Locks     the charges, passing over those that somebody holds
--   Source    docs/ledger.md, "Whose money a charge is"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.looks_due(integer);
CREATE FUNCTION ops.looks_due(p_limit integer)
    RETURNS TABLE (account text, subject text, object_type text, object_id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE ledger.charge AS c SET look_asked_at = clock_timestamp()
      FROM (SELECT d.account, d.id FROM ledger.charge AS d
             WHERE d.sale IS NULL AND d.status = 'succeeded' AND d.captured AND d.missing_at IS NULL
               AND (d.created_at <= clock_timestamp() - interval '10 minutes'
                    OR d.created_at > clock_timestamp() + interval '1 hour') -- a test clock's: as old as it will get
               AND (d.look_asked_at IS NULL OR d.look_asked_at < clock_timestamp()
                    - greatest(interval '1 hour', least(interval '1 day', (clock_timestamp() - d.created_at) / 4)))
             ORDER BY d.created_at, d.id COLLATE "C" LIMIT p_limit FOR UPDATE SKIP LOCKED) AS n
     WHERE c.account = n.account AND c.id = n.id
    RETURNING c.account, coalesce(c.customer, c.id), 'charge', c.id
$$;
GRANT EXECUTE ON FUNCTION ops.looks_due(integer) TO instep_worker;
RESET ROLE;
