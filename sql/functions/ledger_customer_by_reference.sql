-- ledger.customer_by_reference: whose a refund, dispute or invoice payment is, by the charge or invoice that it is of.
--   p_object  one that does not say so itself
--   p_read    {"charge": {id: customer}, "invoice": {id: customer}} of what the turn read, which counts before what is known
--   Returns   NULL: a guest's, or not known
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.customer_by_reference(jsonb, jsonb);
CREATE OR REPLACE FUNCTION ledger.customer_by_reference(p_object jsonb, p_account text, p_read jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_kind text := CASE WHEN p_object ->> 'object' = 'invoice_payment' THEN 'invoice' ELSE 'charge' END;
    v_id text := stripe.id_or_expanded(p_object -> v_kind, p_object, v_kind);
BEGIN
    IF v_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF p_read -> v_kind ? v_id THEN
        RETURN stripe.id_or_expanded(p_read #> ARRAY[v_kind, v_id], p_object, v_kind || '.customer');
    ELSIF v_kind = 'charge' THEN
        RETURN (SELECT c.customer FROM ledger.charge AS c WHERE c.account = p_account AND c.id = v_id);
    END IF;
    RETURN (SELECT i.customer FROM ledger.invoice AS i WHERE i.account = p_account AND i.id = v_id);
END
$$;
RESET ROLE;
