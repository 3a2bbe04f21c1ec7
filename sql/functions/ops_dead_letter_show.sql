-- ops.dead_letter_show: all that is known of an event that was buried, now or once. NULL if it never was.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.dead_letter_show(p_event text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'event', to_jsonb(e) - 'turn',
        'letters', (SELECT jsonb_agg(to_jsonb(d) ORDER BY d.id) FROM ops.dead_letter AS d
                     WHERE d.account = e.account AND d.event_id = e.id),
        'turn', (SELECT to_jsonb(t) FROM ops.turn AS t WHERE t.id = e.turn),
        'customer', (SELECT jsonb_build_object('user_id', c.user_id, 'routed_to', c.routed_to, 'deleted', c.deleted,
                                               'applied_at', c.applied_at, 'claimed_at', c.claimed_at)
                       FROM ledger.customer AS c WHERE c.account = e.account AND c.id = e.subject),
        'other_open_letters_of_the_subject',
            (SELECT count(*) FROM ops.dead_letter AS d
              WHERE d.account = e.account AND d.subject = e.subject AND d.settled_at IS NULL AND d.event_id <> e.id))
      FROM ops.webhook_event AS e
     WHERE e.id = p_event
       AND EXISTS (SELECT FROM ops.dead_letter AS d WHERE d.account = e.account AND d.event_id = e.id)
     ORDER BY e.account COLLATE "C" LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION ops.dead_letter_show(text) TO instep_operator;
RESET ROLE;
