-- ops.claim_customer: put up the fence for one turn, and say what the ledger knows.
--   p_account    'self' or acct_…;  p_subject  cus_…, or the id of an object whose customer is not known
--   p_claim      a fresh uuid; every older claim of the subject is void from now on
--   p_event_ids  events that wait;  p_worker  who claims
--   Returns      {"subject_kind", "known", "user_id", "routed_to", "applied": [event ids already applied or ignored],
--                 "wants": [{"object", "id"}] not final and worth another look, the longest unseen first, at most 50,
--                 "invoices_since", "sessions_since": unix seconds that lists must reach back to, null: the beginning}
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
        'wants', (SELECT coalesce(jsonb_agg(jsonb_build_object('object', w.object, 'id', w.id)
                                            ORDER BY w.looked_at, w.id COLLATE "C"), '[]')
                    FROM (SELECT u.* FROM (
                              SELECT 'invoice' AS object, i.id, i.looked_at FROM ledger.invoice AS i
                               WHERE i.account = p_account AND i.customer = p_subject AND i.missing_at IS NULL
                                 AND i.status IS DISTINCT FROM 'paid' AND i.status IS DISTINCT FROM 'void'
                              UNION ALL
                              SELECT 'checkout.session', s.id, s.looked_at FROM ledger.checkout_session AS s
                               WHERE s.account = p_account AND s.customer = p_subject AND s.missing_at IS NULL
                                 AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
                              UNION ALL
                              SELECT 'checkout.session', s.id, s.looked_at FROM ledger.checkout_session AS s
                               WHERE s.account = p_account AND s.id = p_subject AND s.customer IS NULL
                                 AND s.missing_at IS NULL
                                 AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
                              ) AS u
                           ORDER BY u.looked_at, u.id COLLATE "C" LIMIT 50) AS w),
        'invoices_since', (SELECT extract(epoch FROM max(i.created_at))::bigint - 3600 FROM ledger.invoice AS i
                            WHERE i.account = p_account AND i.customer = p_subject),
        'sessions_since', (SELECT extract(epoch FROM max(s.created_at))::bigint - 3600
                             FROM ledger.checkout_session AS s
                            WHERE s.account = p_account AND s.customer = p_subject));
END
$$;
GRANT EXECUTE ON FUNCTION ops.claim_customer(text, text, uuid, text[], text) TO instep_worker;
RESET ROLE;
