-- ops.settle: a turn succeeded, so what was stuck before is not any more: its reads are newer than those events.
--   Open dead letters of the subject and of the turn's events are settled; the subject's events that were dead
--   count as applied (or ignored) by this turn.
--   Locks    dead letters and events, ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.settle(p_account text, p_subject text, p_turn uuid, p_events jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM ops.webhook_event AS e
      WHERE e.account = p_account AND e.subject = p_subject AND e.outcome = 'dead'
      ORDER BY e.id COLLATE "C" FOR UPDATE;
    UPDATE ops.webhook_event AS e
       SET outcome = CASE WHEN stripe.event_relevant(e.type) THEN 'applied' ELSE 'ignored' END,
           error_class = NULL, error = NULL, next_at = NULL, turn = p_turn, processed_at = clock_timestamp()
     WHERE e.account = p_account AND e.subject = p_subject AND e.outcome = 'dead';
    UPDATE ops.dead_letter AS d SET settled_at = clock_timestamp(), settled_by = p_turn
     WHERE d.account = p_account AND d.settled_at IS NULL
       AND (d.subject = p_subject
            OR d.event_id IN (SELECT e.value ->> 'id' FROM jsonb_array_elements(p_events) AS e));
END
$$;
RESET ROLE;
