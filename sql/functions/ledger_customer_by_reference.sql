-- ledger.customer_by_reference: whose a refund, dispute or invoice payment is, by the charge or invoice that it is of.
--   p_object  one that does not say so itself;  p_turn  as ledger.apply_turn: what it read counts before what is known
--   Returns   NULL: a guest's, or not known
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.customer_by_reference(p_object jsonb, p_turn jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_kind text := CASE WHEN p_object ->> 'object' = 'invoice_payment' THEN 'invoice' ELSE 'charge' END;
    v_id text := stripe.id_or_expanded(p_object -> v_kind, p_object, v_kind);
    v_read jsonb;
BEGIN
    IF v_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT o.value INTO v_read FROM jsonb_array_elements(p_turn -> 'objects') AS o
     WHERE o.value ->> 'id' = v_id AND o.value ->> 'object' = v_kind LIMIT 1;
    IF FOUND THEN
        RETURN stripe.customer_of(v_read);
    ELSIF v_kind = 'charge' THEN
        RETURN (SELECT c.customer FROM ledger.charge AS c WHERE c.account = p_turn ->> 'account' AND c.id = v_id);
    END IF;
    RETURN (SELECT i.customer FROM ledger.invoice AS i WHERE i.account = p_turn ->> 'account' AND i.id = v_id);
END
$$;
RESET ROLE;
