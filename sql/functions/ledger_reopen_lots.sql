-- ledger.reopen_lots: before the end of a lot is set to another moment, take back that it had expired at the one it had; what
--   was carried over into its period likewise. ledger.settle_credits then lets it expire anew, if that is past.
--   Locks   none; the caller holds the holder's row
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.reopen_lots(p_holder text, p_lot ledger.credit_lot, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v ledger.credit_lot;
BEGIN
    FOR v IN SELECT l.* FROM ledger.credit_lot AS l
              WHERE l.account = p_lot.account AND l.item = p_lot.item AND l.period_start = p_lot.period_start
                AND l.kind <> 'manual' AND l.expired > 0
                AND (l.id = p_lot.id OR p_lot.kind = 'period' AND l.kind = 'rollover')
              ORDER BY l.kind LOOP
        PERFORM ledger.post_credit(p_holder, 'unexpired', ARRAY[v.id], ARRAY[v.expired], v.expires_at, NULL, p_context);
    END LOOP;
END
$$;
RESET ROLE;
