-- ops.event_show: all that is known of one event: outcome, turn, what it booked, dead letters, kept payloads.
--   Returns  NULL if it was never recorded, or has been pruned
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.event_show(p_event text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'event', to_jsonb(e) - 'turn',
        'turn', (SELECT to_jsonb(t) FROM ops.turn AS t WHERE t.id = e.turn),
        'entries', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'events' - 'turn' ORDER BY x.entry_id), '[]')
                      FROM ledger.entry_explained AS x WHERE x.turn = e.turn),
        'letters', (SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.id), '[]') FROM ops.dead_letter AS d
                     WHERE d.account = e.account AND d.event_id = e.id),
        'payloads', (SELECT coalesce(jsonb_agg(p.payload ORDER BY p.object COLLATE "C", p.id COLLATE "C"), '[]')
                       FROM ops.payload AS p WHERE p.turn = e.turn))
      FROM ops.webhook_event AS e
     WHERE e.id = p_event
     ORDER BY e.account COLLATE "C" LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION ops.event_show(text) TO instep_operator;
RESET ROLE;
