-- ops.settle: finish stuck events that a successful turn has dealt with, and close the letters of all its events.
--   p_events   the turn's own events, as in ledger.apply_turn; ops.record_events has written them already
--   p_covers   ids of older events of the subject, retrying or dead, whose reads this turn made again. No other event
--              is touched: a turn that did not read for an event knows nothing about it.
--   Returns    how many of p_covers it finished
--   Locks      events, then dead letters, ascending
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.settle(text, text, uuid, jsonb);
CREATE OR REPLACE FUNCTION ops.settle(p_account text, p_subject text, p_turn uuid, p_events jsonb, p_covers text[])
    RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_covered text[];
    v_letter bigint;
BEGIN
    v_covered := ARRAY(
        SELECT e.id FROM ops.webhook_event AS e
         WHERE e.account = p_account AND e.id = ANY (p_covers) AND e.subject = p_subject
           AND e.outcome IN ('retrying', 'dead')
         ORDER BY e.id COLLATE "C" FOR UPDATE);
    UPDATE ops.webhook_event AS e
       SET outcome = CASE WHEN stripe.event_relevant(e.type) THEN 'applied' ELSE 'ignored' END,
           error_class = NULL, error = NULL, next_at = NULL, turn = p_turn, processed_at = clock_timestamp()
     WHERE e.account = p_account AND e.id = ANY (v_covered);
    FOR v_letter IN
        SELECT d.id FROM ops.dead_letter AS d
         WHERE d.account = p_account AND d.settled_at IS NULL
           AND d.event_id = ANY (v_covered || ARRAY(SELECT e.value ->> 'id' FROM jsonb_array_elements(p_events) AS e))
         ORDER BY d.event_id COLLATE "C" FOR UPDATE
    LOOP
        UPDATE ops.dead_letter AS d SET settled_at = clock_timestamp(), settled_by = p_turn WHERE d.id = v_letter;
    END LOOP;
    RETURN cardinality(v_covered);
END
$$;
RESET ROLE;
