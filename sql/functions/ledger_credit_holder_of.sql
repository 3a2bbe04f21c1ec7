-- ledger.credit_holder_of: who has a customer's credits: its user, or, while nobody knows the user, the customer's own holding account.
--   Returns  'user:<id>' or 'customer:<account>:<cus_…>'; makes the holder's row
--   Locks    none; the caller holds the customer's row, so its user does not change
--   Source   docs/credits.md, "Holders"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_holder_of(p_account text, p_customer text) RETURNS text
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_user text := (SELECT c.user_id FROM ledger.customer AS c WHERE c.account = p_account AND c.id = p_customer);
    v_holder text := coalesce('user:' || v_user, 'customer:' || p_account || ':' || p_customer);
BEGIN
    IF NOT EXISTS (SELECT FROM ledger.credit_holder AS h WHERE h.holder = v_holder) THEN
        INSERT INTO ledger.credit_holder (holder, user_id, account, customer)
        VALUES (v_holder, v_user, CASE WHEN v_user IS NULL THEN p_account END, CASE WHEN v_user IS NULL THEN p_customer END)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN v_holder;
END
$$;
RESET ROLE;
