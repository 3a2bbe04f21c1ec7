-- ops.record_events: write down what became of events. What is applied or ignored already is never touched.
--   p_account, p_subject  whose turn it was;  p_turn  its uuid
--   p_events   as in ledger.apply_turn. Only the id must be there and usable (1 to 255 characters), else the event is
--              passed over; what else is missing or makes no sense is NULL: a record must never be what fails.
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
          FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p_events) = 'array' THEN p_events ELSE '[]' END) AS e
         WHERE jsonb_typeof(e.value) = 'object' AND length(e.value ->> 'id') BETWEEN 1 AND 255
         ORDER BY e.value ->> 'id' COLLATE "C"
    ), written AS (
        INSERT INTO ops.webhook_event AS w
            (account, id, type, object_id, object_type, customer, subject, lane, livemode, api_version, snapshot_event,
             created_at, received_at, outcome, error_class, error, attempts, next_at, turn, processed_at)
        SELECT p_account, g.event ->> 'id', coalesce(nullif(g.event ->> 'type', ''), 'unknown'), nullif(g.event ->> 'object_id', ''),
               nullif(g.event ->> 'object_type', ''), nullif(g.event ->> 'customer', ''), p_subject,
               coalesce(nullif(g.event ->> 'lane', ''), 'webhook'), CASE WHEN jsonb_typeof(g.event -> 'livemode') = 'boolean' THEN (g.event -> 'livemode')::boolean
                    ELSE coalesce((SELECT d.mode = 'live' FROM ops.deployment AS d), false) END,
               nullif(g.event ->> 'api_version', ''), nullif(g.event ->> 'snapshot_event', ''),
               ops.moment_or_null(g.event -> 'created', 1),
               ops.moment_or_null(g.event -> 'received_ms', 1000),
               CASE WHEN p_outcome <> 'done' THEN p_outcome
                    WHEN stripe.event_relevant(coalesce(g.event ->> 'type', '')) THEN 'applied' ELSE 'ignored' END,
               p_class, p_error, coalesce(p_attempt, 1), p_next_at, p_turn,
               CASE WHEN p_outcome = 'done' THEN clock_timestamp() END
          FROM given AS g
         ORDER BY g.event ->> 'id' COLLATE "C"
        ON CONFLICT (account, id) DO UPDATE
           SET subject = EXCLUDED.subject, outcome = EXCLUDED.outcome, error_class = EXCLUDED.error_class,
               error = EXCLUDED.error, snapshot_event = coalesce(w.snapshot_event, EXCLUDED.snapshot_event),
               attempts = greatest(w.attempts, EXCLUDED.attempts),
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
