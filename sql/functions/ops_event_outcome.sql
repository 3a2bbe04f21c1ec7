-- ops.event_outcome: what became of an event. NULL until something did.
--   Returns  {"outcome", "class", "error", "attempts", "turn", "changes" (of the turn), "entries",
--             "processed_at", "next_at"}
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.event_outcome(p_account text, p_event_id text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'outcome', e.outcome, 'class', e.error_class, 'error', e.error, 'attempts', e.attempts, 'turn', e.turn,
        'subject', e.subject, 'changes', coalesce(t.changes, '[]'), 'entries', coalesce(t.entries_count, 0),
        'processed_at', e.processed_at, 'next_at', e.next_at)
      FROM ops.webhook_event AS e
      LEFT JOIN ops.turn AS t ON t.id = e.turn
     WHERE e.account = p_account AND e.id = p_event_id
$$;
GRANT EXECUTE ON FUNCTION ops.event_outcome(text, text) TO instep_operator;
RESET ROLE;
