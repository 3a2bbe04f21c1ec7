-- ops.dead_letter_list: open dead letters, the oldest first.
--   p_class  only this class, NULL for all;  p_limit  at most so many rows
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.dead_letter_list(text, integer);
CREATE FUNCTION ops.dead_letter_list(p_class text, p_limit integer)
    RETURNS TABLE (account text, event_id text, subject text, type text, class text, error text, attempts integer,
                   burials integer, buried_at timestamptz, retried_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.account, d.event_id, d.subject, e.type, d.class, d.error, d.attempts, d.burials, d.buried_at, d.retried_at
      FROM ops.dead_letter AS d
      JOIN ops.webhook_event AS e ON e.account = d.account AND e.id = d.event_id
     WHERE d.settled_at IS NULL AND (p_class IS NULL OR d.class = p_class)
     ORDER BY d.buried_at, d.id
     LIMIT p_limit
$$;
GRANT EXECUTE ON FUNCTION ops.dead_letter_list(text, integer) TO instep_operator;
RESET ROLE;
