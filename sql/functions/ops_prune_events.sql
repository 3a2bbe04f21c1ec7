-- ops.prune_events: forget events that led to nothing, one portion of them.
--   p_before  events applied or ignored before; at least 31 days ago
--   p_after   where the portion before ended ("after" of its answer), NULL to begin
--   p_limit   events to look at;  p_dry  only count
--   Returns   {"seen", "removed", "letters", "after": cursor, null at the end}
--   Kept      events whose turn booked an entry or changed anything (they explain it), that are retrying or dead, or whose
--             letter is open or was settled since p_before
--   Locks     the removed rows
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.prune_events(p_before timestamptz, p_after jsonb, p_limit integer, p_dry boolean)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_seen ops.webhook_event[];
    v_last ops.webhook_event;
    v_gone ops.webhook_event[];
    v_letters bigint;
BEGIN
    PERFORM ops.prune_limit(p_before);
    v_seen := ARRAY(
        SELECT e FROM ops.webhook_event AS e
         WHERE e.processed_at < p_before
           AND (p_after IS NULL OR (e.processed_at, e.account, e.id)
                > ((p_after ->> 'at')::timestamptz, p_after ->> 'account', p_after ->> 'id'))
         ORDER BY e.processed_at, e.account, e.id LIMIT p_limit);
    v_last := v_seen[cardinality(v_seen)];
    v_gone := ARRAY(
        SELECT s FROM unnest(v_seen) AS s
          JOIN ops.turn AS t ON t.id = s.turn AND t.entries_count = 0 AND t.changes = '[]'
         WHERE s.outcome IN ('applied', 'ignored')
           AND NOT EXISTS (SELECT FROM ops.dead_letter AS d
                            WHERE d.account = s.account AND d.event_id = s.id
                              AND (d.settled_at IS NULL OR d.settled_at >= p_before)));
    SELECT count(*) INTO v_letters
      FROM unnest(v_gone) AS g JOIN ops.dead_letter AS d ON d.account = g.account AND d.event_id = g.id;
    IF NOT p_dry THEN
        DELETE FROM ops.dead_letter AS d USING unnest(v_gone) AS g WHERE d.account = g.account AND d.event_id = g.id;
        DELETE FROM ops.webhook_event AS e USING unnest(v_gone) AS g WHERE e.account = g.account AND e.id = g.id;
    END IF;
    RETURN jsonb_build_object('seen', cardinality(v_seen), 'removed', cardinality(v_gone), 'letters', v_letters,
        'after', CASE WHEN cardinality(v_seen) = p_limit
                      THEN jsonb_build_object('at', v_last.processed_at, 'account', v_last.account, 'id', v_last.id) END);
END
$$;
GRANT EXECUTE ON FUNCTION ops.prune_events(timestamptz, jsonb, integer, boolean) TO instep_operator;
RESET ROLE;
