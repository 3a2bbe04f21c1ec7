-- ops.record_events: write down what became of events. What is applied or ignored already is never touched.
--   p_account, p_subject  whose turn it was;  p_turn  its uuid
--   p_events   as in ledger.apply_turn
--   p_outcome  'done' (applied or ignored, by type), 'retrying' or 'dead'
--   p_class, p_error, p_attempt, p_next_at  of a failure; else NULL
--   Returns    how many were applied, ignored, and known before
--   Locks      event rows, ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.record_events(p_account text, p_subject text, p_turn uuid, p_events jsonb,
                                             p_outcome text, p_class text, p_error text, p_attempt integer,
                                             p_next_at timestamptz,
                                             OUT applied integer, OUT ignored integer, OUT duplicates integer)
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH given AS (
        SELECT DISTINCT ON (e.value ->> 'id' COLLATE "C") e.value AS event
          FROM jsonb_array_elements(p_events) AS e ORDER BY e.value ->> 'id' COLLATE "C"
    ), written AS (
        INSERT INTO ops.webhook_event AS w
            (account, id, type, object_id, object_type, customer, subject, lane, livemode, api_version, created_at,
             received_at, outcome, error_class, error, attempts, next_at, turn, processed_at)
        SELECT p_account, g.event ->> 'id', g.event ->> 'type', nullif(g.event ->> 'object_id', ''),
               nullif(g.event ->> 'object_type', ''), nullif(g.event ->> 'customer', ''), p_subject,
               coalesce(nullif(g.event ->> 'lane', ''), 'webhook'), coalesce((g.event ->> 'livemode')::boolean, false),
               nullif(g.event ->> 'api_version', ''), to_timestamp((g.event ->> 'created')::bigint),
               to_timestamp((g.event ->> 'received_ms')::bigint / 1000.0),
               CASE WHEN p_outcome <> 'done' THEN p_outcome
                    WHEN stripe.event_relevant(g.event ->> 'type') THEN 'applied' ELSE 'ignored' END,
               p_class, p_error, coalesce(p_attempt, 1), p_next_at, p_turn,
               CASE WHEN p_outcome = 'done' THEN clock_timestamp() END
          FROM given AS g
         ORDER BY g.event ->> 'id' COLLATE "C"
        ON CONFLICT (account, id) DO UPDATE
           SET subject = EXCLUDED.subject, outcome = EXCLUDED.outcome, error_class = EXCLUDED.error_class,
               error = EXCLUDED.error, attempts = greatest(w.attempts, EXCLUDED.attempts),
               next_at = EXCLUDED.next_at, turn = EXCLUDED.turn, processed_at = EXCLUDED.processed_at
         WHERE w.outcome NOT IN ('applied', 'ignored')
        RETURNING w.outcome
    )
    SELECT count(*) FILTER (WHERE w.outcome = 'applied'), count(*) FILTER (WHERE w.outcome = 'ignored'),
           (SELECT count(*) FROM given) - count(*)
      INTO applied, ignored, duplicates FROM written AS w;
END
$$;
RESET ROLE;
