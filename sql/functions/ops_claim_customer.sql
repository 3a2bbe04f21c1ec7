-- ops.claim_customer: put up the fence for one turn, and say what the ledger knows.
--   p_account    'self' or acct_…;  p_subject  cus_…, or the id of an object whose customer is not known
--   p_claim      a fresh uuid; every older claim of the subject is void from now on
--   p_event_ids  events that wait;  p_worker  who claims
--   Returns      {"subject_kind", "known", "user_id", "routed_to", "applied": [event ids already applied or ignored],
--                 "owed": [{"id", "type", "object_type", "object_id"}] events of the subject that are retrying or dead
--                 and not among p_event_ids, the oldest first, at most 50: read for them too and say so in "covers",
--                 "wants": as ops.wants,
--                 "invoices_since", "sessions_since", "charges_since": unix seconds that lists must reach back to, null: the beginning}
--                 known: a turn has read all lists to their ends
--   Locks        the subject's row, briefly
--   Commit       asynchronous: a claim lost in a crash is only void
--   Source       docs/turn.md
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.claim_customer(p_account text, p_subject text, p_claim uuid, p_event_ids text[],
                                              p_worker text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_row ledger.customer;
BEGIN
    -- Not a SET clause of the function: that would end with it, and the commit comes later.
    PERFORM set_config('synchronous_commit', 'off', true);
    IF p_claim IS NULL THEN
        RAISE EXCEPTION 'a claim needs a uuid' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    INSERT INTO ledger.customer AS c (account, id, kind, claim, claim_no, claim_used, claim_worker, claimed_at)
    VALUES (p_account, p_subject, CASE WHEN p_subject LIKE 'cus\_%' THEN 'customer' ELSE 'object' END, p_claim, 1,
            false, p_worker, clock_timestamp())
    ON CONFLICT (account, id) DO UPDATE
       SET claim = EXCLUDED.claim, claim_no = c.claim_no + 1, claim_used = false,
           claim_worker = EXCLUDED.claim_worker, claimed_at = EXCLUDED.claimed_at
    RETURNING * INTO v_row;

    RETURN jsonb_build_object(
        'subject_kind', v_row.kind,
        'known', v_row.looked_at IS NOT NULL,
        'user_id', v_row.user_id,
        'routed_to', v_row.routed_to,
        'applied', (SELECT coalesce(jsonb_agg(e.id ORDER BY e.id COLLATE "C"), '[]') FROM ops.webhook_event AS e
                     WHERE e.account = p_account AND e.id = ANY (p_event_ids) AND e.outcome IN ('applied', 'ignored')),
        'owed', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'type', o.type,
                                                              'object_type', coalesce(o.object_type, ''),
                                                              'object_id', coalesce(o.object_id, ''))
                                           ORDER BY o.first_recorded_at, o.id COLLATE "C"), '[]')
                   FROM (SELECT e.* FROM ops.webhook_event AS e
                          WHERE e.account = p_account AND e.subject = p_subject AND e.outcome IN ('retrying', 'dead')
                            AND e.id <> ALL (coalesce(p_event_ids, '{}'))
                          ORDER BY e.first_recorded_at, e.id COLLATE "C" LIMIT 50) AS o),
        'wants', ops.wants(p_account, p_subject),
        'invoices_since', extract(epoch FROM v_row.invoices_listed_to)::bigint - 3600,
        'sessions_since', extract(epoch FROM v_row.sessions_listed_to)::bigint - 3600,
        'charges_since', extract(epoch FROM v_row.charges_listed_to)::bigint - 3600);
END
$$;
GRANT EXECUTE ON FUNCTION ops.claim_customer(text, text, uuid, text[], text) TO instep_worker;
RESET ROLE;
