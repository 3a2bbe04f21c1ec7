-- ops.route_object: remember that events of this object belong to that customer.
--   p_claim     the claim of the turn that found out; used up by this
--   p_user      the user that the object names, or NULL
--   Returns     false: fenced, nothing was changed
--   What of the object's own events failed before is the customer's now, whose next turn reads for it (its "owed"): else
--   nothing would ever settle it.
--   Locks       the object's row, then those events, then their dead letters, each ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.route_object(p_account text, p_object text, p_claim uuid, p_customer text, p_user text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_event text;
BEGIN
    IF p_customer IS NULL OR p_customer = '' OR p_customer = p_object THEN
        RAISE EXCEPTION 'object % cannot be routed to %', p_object, coalesce(p_customer, 'nobody')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE ledger.customer AS c
       SET routed_to = p_customer, routed_user = nullif(p_user, ''), claim_used = true
     WHERE c.account = p_account AND c.id = p_object AND c.kind = 'object' AND c.claim = p_claim AND NOT c.claim_used;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR v_event IN
        SELECT e.id FROM ops.webhook_event AS e
         WHERE e.account = p_account AND e.subject = p_object AND e.outcome IN ('retrying', 'dead')
         ORDER BY e.id COLLATE "C" FOR UPDATE
    LOOP
        UPDATE ops.webhook_event AS e SET subject = p_customer WHERE e.account = p_account AND e.id = v_event;
        UPDATE ops.dead_letter AS d SET subject = p_customer
         WHERE d.account = p_account AND d.event_id = v_event AND d.settled_at IS NULL;
    END LOOP;
    RETURN true;
END
$$;
GRANT EXECUTE ON FUNCTION ops.route_object(text, text, uuid, text, text) TO instep_worker;
RESET ROLE;
