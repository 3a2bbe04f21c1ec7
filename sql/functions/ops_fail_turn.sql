-- ops.fail_turn: write down that a turn failed and what it failed of. Never touches what was applied.
--   p_failure  {"account", "subject", "worker", "turn", "class", "error" (cut at 500 characters), "attempt",
--               "bury": true puts every event on the shelf of its class, "next_at_ms", "events": [...]}
--               Ids and class are enough ({"account", "subject", "turn", "class", "bury", "events": [{"id"}]}): this is
--               called when something is wrong already, so what is missing or makes no sense does not fail it. An
--               unknown class is recorded as bug.
--   Locks      event rows, then dead letters, ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.fail_turn(p_failure jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_account text := coalesce(nullif(p_failure ->> 'account', ''), 'self');
    v_subject text := coalesce(nullif(p_failure ->> 'subject', ''), 'none');
    v_turn uuid := CASE WHEN p_failure ->> 'turn' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                        THEN (p_failure ->> 'turn')::uuid ELSE gen_random_uuid() END;
    v_class text := CASE WHEN p_failure ->> 'class' IN ('stripe_transient', 'stripe_permanent', 'unknown_user',
                                                      'unknown_shape', 'policy', 'bug')
                        THEN p_failure ->> 'class' ELSE 'bug' END;
    v_error text := left(coalesce(p_failure ->> 'error', ''), 500);
    v_attempt integer := coalesce(ops.count_or_null(p_failure -> 'attempt'), 1);
    v_outcome text := CASE WHEN p_failure -> 'bury' = 'true' THEN 'dead' ELSE 'retrying' END;
    v_events jsonb := CASE WHEN jsonb_typeof(p_failure -> 'events') = 'array' THEN p_failure -> 'events' ELSE '[]' END;
BEGIN
    INSERT INTO ops.turn AS t (id, account, subject, worker, attempt, outcome, error_class, error, events_count)
    VALUES (v_turn, v_account, v_subject, coalesce(p_failure ->> 'worker', 'unknown'), v_attempt, v_outcome, v_class, v_error,
            jsonb_array_length(v_events))
    ON CONFLICT (id) DO UPDATE
       SET outcome = EXCLUDED.outcome, error_class = EXCLUDED.error_class, error = EXCLUDED.error
     WHERE t.outcome <> 'applied'; -- the reply of a commit was lost, and it had happened
    PERFORM ops.record_events(v_account, v_subject, v_turn, v_events, v_outcome, v_class, v_error, v_attempt,
                              CASE WHEN v_outcome = 'retrying'
                                   THEN ops.moment_or_null(p_failure -> 'next_at_ms', 1000) END);
    IF v_outcome = 'dead' THEN
        INSERT INTO ops.dead_letter AS d (account, event_id, subject, class, error, attempts, turn)
        SELECT e.account, e.id, e.subject, v_class, v_error, e.attempts, v_turn
          FROM ops.webhook_event AS e
         WHERE e.account = v_account AND e.turn = v_turn AND e.outcome = 'dead'
         ORDER BY e.id COLLATE "C"
        ON CONFLICT (account, event_id) WHERE settled_at IS NULL DO UPDATE
           SET subject = EXCLUDED.subject, class = EXCLUDED.class, error = EXCLUDED.error,
               attempts = EXCLUDED.attempts, burials = d.burials + 1, turn = EXCLUDED.turn,
               buried_at = clock_timestamp();
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION ops.fail_turn(jsonb) TO instep_worker;
RESET ROLE;
