-- ops.prune_turns: forget turns that did nothing and that nothing names any more, one portion of them.
--   p_before, p_after, p_limit, p_dry  as ops.prune_events, which comes first
--   Returns   {"seen", "removed", "after"}
--   Kept      turns that booked or changed anything (journal, history and state rows name them), that an event or a dead
--             letter names, and the last applied one of each customer
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.prune_turns(p_before timestamptz, p_after jsonb, p_limit integer, p_dry boolean)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_seen ops.turn[];
    v_last ops.turn;
    v_gone uuid[];
BEGIN
    PERFORM ops.prune_limit(p_before);
    v_seen := ARRAY(
        SELECT t FROM ops.turn AS t
         WHERE t.recorded_at < p_before
           AND (p_after IS NULL OR (t.recorded_at, t.id) > ((p_after ->> 'at')::timestamptz, (p_after ->> 'id')::uuid))
         ORDER BY t.recorded_at, t.id LIMIT p_limit);
    v_last := v_seen[cardinality(v_seen)];
    v_gone := ARRAY(
        SELECT t.id FROM unnest(v_seen) AS t
         WHERE t.entries_count = 0 AND t.changes = '[]'
           AND NOT EXISTS (SELECT FROM ops.webhook_event AS e WHERE e.turn = t.id)
           AND NOT EXISTS (SELECT FROM ops.dead_letter AS d WHERE d.turn = t.id)
           AND NOT EXISTS (SELECT FROM ops.dead_letter AS d WHERE d.settled_by = t.id)
           AND NOT EXISTS (SELECT FROM ledger.journal_entry AS e WHERE e.turn = t.id)
           AND NOT EXISTS (SELECT FROM ledger.subscription_change AS h WHERE h.turn = t.id)
           AND NOT EXISTS (SELECT FROM ledger.customer_user_change AS h WHERE h.turn = t.id)
           AND NOT EXISTS (SELECT FROM ledger.customer AS c
                            WHERE c.account = t.account AND c.id = t.subject AND c.applied_turn = t.id));
    IF NOT p_dry THEN
        DELETE FROM ops.turn AS t WHERE t.id = ANY (v_gone);
    END IF;
    RETURN jsonb_build_object('seen', cardinality(v_seen), 'removed', cardinality(v_gone),
        'after', CASE WHEN cardinality(v_seen) = p_limit
                      THEN jsonb_build_object('at', v_last.recorded_at, 'id', v_last.id) END);
END
$$;
GRANT EXECUTE ON FUNCTION ops.prune_turns(timestamptz, jsonb, integer, boolean) TO instep_operator;
RESET ROLE;
