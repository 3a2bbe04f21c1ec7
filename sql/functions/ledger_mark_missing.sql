-- ledger.mark_missing: Stripe does not know these objects any more (a deleted draft): stop asking for them.
--   p_missing  [{"object", "id"}]; no entry follows from it
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mark_missing(p_missing jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_ids text[] := ARRAY(SELECT m.value ->> 'id' FROM jsonb_array_elements(p_missing) AS m);
BEGIN
    IF cardinality(v_ids) = 0 THEN
        RETURN;
    END IF;
    UPDATE ledger.invoice AS i SET missing_at = clock_timestamp()
     WHERE i.account = p_context ->> 'account' AND i.id = ANY (v_ids) AND i.missing_at IS NULL
       AND i.customer IS NOT DISTINCT FROM p_context ->> 'customer';
    UPDATE ledger.checkout_session AS s SET missing_at = clock_timestamp()
     WHERE s.account = p_context ->> 'account' AND s.id = ANY (v_ids) AND s.missing_at IS NULL
       AND s.customer IS NOT DISTINCT FROM p_context ->> 'customer';
    UPDATE ledger.charge AS c SET missing_at = clock_timestamp()
     WHERE c.account = p_context ->> 'account' AND c.id = ANY (v_ids) AND c.missing_at IS NULL
       AND c.customer IS NOT DISTINCT FROM p_context ->> 'customer';
    UPDATE ledger.refund AS r SET missing_at = clock_timestamp()
     WHERE r.account = p_context ->> 'account' AND r.id = ANY (v_ids) AND r.missing_at IS NULL
       AND r.customer IS NOT DISTINCT FROM p_context ->> 'customer';
    UPDATE ledger.dispute AS d SET missing_at = clock_timestamp()
     WHERE d.account = p_context ->> 'account' AND d.id = ANY (v_ids) AND d.missing_at IS NULL
       AND d.customer IS NOT DISTINCT FROM p_context ->> 'customer';
    UPDATE ledger.credit_note AS n SET missing_at = clock_timestamp()
     WHERE n.account = p_context ->> 'account' AND n.id = ANY (v_ids) AND n.missing_at IS NULL
       AND n.customer IS NOT DISTINCT FROM p_context ->> 'customer';
END
$$;
RESET ROLE;
