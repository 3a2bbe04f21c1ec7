-- ops.route_object: remember that events of this object belong to that customer.
--   p_claim     the claim of the turn that found out; used up by this
--   p_user      the user that the object names, or NULL
--   Returns     false: fenced, nothing was changed
--   Locks       the object's row
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.route_object(p_account text, p_object text, p_claim uuid, p_customer text, p_user text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_customer IS NULL OR p_customer = '' OR p_customer = p_object THEN
        RAISE EXCEPTION 'object % cannot be routed to %', p_object, coalesce(p_customer, 'nobody')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE ledger.customer AS c
       SET routed_to = p_customer, routed_user = nullif(p_user, ''), claim_used = true
     WHERE c.account = p_account AND c.id = p_object AND c.kind = 'object' AND c.claim = p_claim AND NOT c.claim_used;
    RETURN FOUND;
END
$$;
GRANT EXECUTE ON FUNCTION ops.route_object(text, text, uuid, text, text) TO instep_worker;
RESET ROLE;
