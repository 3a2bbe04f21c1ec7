-- ops.dead_letter_take_for_retry: what an envelope needs, for open dead letters that get another chance.
--   p_selector  one of {"event": id}, {"customer": id}, {"class": name}, {"all": true}; "limit" default 10,000
--   Returns     rows, the oldest first. They are marked as retried and stay open until a turn succeeds.
--   Errors      invalid_parameter_value: no selector
--   Locks       the rows
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.dead_letter_take_for_retry(jsonb);
CREATE FUNCTION ops.dead_letter_take_for_retry(p_selector jsonb)
    RETURNS TABLE (account text, subject text, event_id text, type text, object_id text, object_type text,
                   customer text, api_version text, created bigint, received_ms bigint, livemode boolean, class text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT (p_selector ? 'event' OR p_selector ? 'customer' OR p_selector ? 'class'
            OR coalesce(p_selector -> 'all' = 'true', false)) THEN
        RAISE EXCEPTION 'say which: event, customer, class or all' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    WITH chosen AS (
        SELECT d.id FROM ops.dead_letter AS d
         WHERE d.settled_at IS NULL
           AND (NOT p_selector ? 'event' OR d.event_id = p_selector ->> 'event')
           AND (NOT p_selector ? 'customer' OR d.subject = p_selector ->> 'customer')
           AND (NOT p_selector ? 'class' OR d.class = p_selector ->> 'class')
         ORDER BY d.buried_at, d.id
         LIMIT coalesce((p_selector ->> 'limit')::integer, 10000)
         FOR UPDATE
    ), marked AS (
        UPDATE ops.dead_letter AS d SET retried_at = clock_timestamp()
          FROM chosen AS c WHERE d.id = c.id
        RETURNING d.id, d.account, d.subject, d.event_id, d.class, d.buried_at
    )
    SELECT m.account, m.subject, m.event_id, e.type, coalesce(e.object_id, ''), coalesce(e.object_type, ''),
           coalesce(e.customer, ''), coalesce(e.api_version, ''), coalesce(extract(epoch FROM e.created_at), 0)::bigint,
           (coalesce(extract(epoch FROM e.received_at), 0) * 1000)::bigint, e.livemode, m.class
      FROM marked AS m
      JOIN ops.webhook_event AS e ON e.account = m.account AND e.id = m.event_id
     ORDER BY m.buried_at, m.id;
END
$$;
GRANT EXECUTE ON FUNCTION ops.dead_letter_take_for_retry(jsonb) TO instep_operator;
RESET ROLE;
