-- ledger.resolve_user: find a customer's app user anew and follow a change through sales and entitlements.
--   p_turn  the turn, NULL for an operator's link;  p_by  who
--   Order   operator's link; metadata of subscriptions, oldest first; of the customer; of completed sessions, oldest
--           first; client_reference_id of completed sessions, oldest first. None: the customer is an orphan.
--   Returns [{"what", "before", "after"}], empty if nothing changed
--   Locks   the caller holds the customer's row; this takes the users' rows, ascending, before anything else is written
--   Source  docs/ledger.md, "Users"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.resolve_user(p_account text, p_customer text, p_turn uuid, p_by text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_before text;
    v_source_before text;
    v_user text;
    v_source text;
    v_linked text;
BEGIN
    SELECT c.user_id, c.user_source, c.linked_user INTO STRICT v_before, v_source_before, v_linked
      FROM ledger.customer AS c WHERE c.account = p_account AND c.id = p_customer;
    SELECT h.user_id, h.source INTO v_user, v_source
      FROM ledger.user_hint(p_account, p_customer, v_linked) AS h;
    PERFORM ledger.lock_users(ARRAY[v_before, v_user]);
    IF v_user IS NOT DISTINCT FROM v_before THEN
        IF v_source IS DISTINCT FROM v_source_before THEN
            UPDATE ledger.customer AS c SET user_source = v_source WHERE c.account = p_account AND c.id = p_customer;
        END IF;
        RETURN '[]';
    END IF;
    UPDATE ledger.customer AS c SET user_id = v_user, user_source = v_source
     WHERE c.account = p_account AND c.id = p_customer;
    UPDATE ledger.sale AS s SET user_id = v_user WHERE s.account = p_account AND s.customer = p_customer;
    INSERT INTO ledger.customer_user_change (account, customer, user_before, user_after, source, changed_by, turn)
    VALUES (p_account, p_customer, v_before, v_user, v_source, p_by, p_turn);
    RETURN jsonb_build_array(jsonb_build_object('what', 'user of ' || p_customer, 'before', v_before, 'after', v_user));
END
$$;
RESET ROLE;
