-- ops.link_user: an operator says whose a customer is. Goes before whatever Stripe's metadata says.
--   p_user   NULL takes the link back: Stripe's word counts again
--   p_by     who says so, for the record
--   Returns  {"customer", "before", "after", "changes": [...]}; sales, entitlements and credits of the customer follow
--   Locks    the customer's row, then the users', then holders of credits
--   Errors   invalid_parameter_value: not a customer id, an empty user, nobody says so
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.link_user(p_account text, p_customer text, p_user text, p_by text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_before text;
    v_changes jsonb;
BEGIN
    IF p_customer IS NULL OR p_customer NOT LIKE 'cus\_%' OR btrim(p_user) = '' OR length(p_user) > 500
        OR coalesce(btrim(p_by), '') = '' OR coalesce(p_account, '') = '' THEN
        RAISE EXCEPTION 'a link needs an account, a customer (cus_…), a user and who says so'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A link may come before the customer's first event.
    INSERT INTO ledger.customer (account, id, kind) VALUES (p_account, p_customer, 'customer')
    ON CONFLICT (account, id) DO NOTHING;
    SELECT c.user_id INTO STRICT v_before FROM ledger.customer AS c
     WHERE c.account = p_account AND c.id = p_customer FOR UPDATE;
    -- All at once, in order: who it was, who it shall be, and whom Stripe names if a link is taken back.
    PERFORM ledger.lock_users(ARRAY[v_before, btrim(p_user), (SELECT h.user_id FROM ledger.user_hint(p_account, p_customer, btrim(p_user)) AS h)]);
    UPDATE ledger.customer AS c SET linked_user = btrim(p_user) WHERE c.account = p_account AND c.id = p_customer;
    v_changes := ledger.resolve_user(p_account, p_customer, NULL, p_by)
              || ledger.converge_entitlements(p_account, p_customer, NULL);
    v_changes := v_changes || (ledger.converge_credits(p_account, p_customer, NULL, '{}', ledger.clock()) -> 'changes');
    RETURN jsonb_build_object(
        'customer', p_customer, 'before', v_before,
        'after', (SELECT c.user_id FROM ledger.customer AS c WHERE c.account = p_account AND c.id = p_customer),
        'changes', v_changes);
END
$$;
GRANT EXECUTE ON FUNCTION ops.link_user(text, text, text, text) TO instep_operator;
RESET ROLE;
