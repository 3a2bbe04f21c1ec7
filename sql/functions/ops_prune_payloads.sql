-- ops.prune_payloads: forget kept payloads of any turn, one portion of them.
--   p_before, p_after, p_limit, p_dry  as ops.prune_events
--   Returns   {"seen", "removed", "after"}
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.prune_payloads(p_before timestamptz, p_after jsonb, p_limit integer, p_dry boolean)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_seen ops.payload[];
    v_last ops.payload;
BEGIN
    PERFORM ops.prune_limit(p_before);
    v_seen := ARRAY(
        SELECT p FROM ops.payload AS p
         WHERE p.recorded_at < p_before
           AND (p_after IS NULL OR (p.recorded_at, p.turn, p.object, p.id)
                > ((p_after ->> 'at')::timestamptz, (p_after ->> 'turn')::uuid, p_after ->> 'object', p_after ->> 'id'))
         ORDER BY p.recorded_at, p.turn, p.object, p.id LIMIT p_limit);
    v_last := v_seen[cardinality(v_seen)];
    IF NOT p_dry THEN
        DELETE FROM ops.payload AS p USING unnest(v_seen) AS g
         WHERE p.turn = g.turn AND p.object = g.object AND p.id = g.id;
    END IF;
    RETURN jsonb_build_object('seen', cardinality(v_seen), 'removed', cardinality(v_seen),
        'after', CASE WHEN cardinality(v_seen) = p_limit
                      THEN jsonb_build_object('at', v_last.recorded_at, 'turn', v_last.turn, 'object', v_last.object,
                                              'id', v_last.id) END);
END
$$;
GRANT EXECUTE ON FUNCTION ops.prune_payloads(timestamptz, jsonb, integer, boolean) TO instep_operator;
RESET ROLE;
