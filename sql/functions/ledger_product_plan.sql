-- ledger.product_plan: the plan that a product's metadata names: instep_plan, else the product's own id if any key begins with
--   instep_, else NULL.
--   Errors   none: a name that cannot be one counts as none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.product_plan(p_product text, p_metadata jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF ledger.plan_key_is_good(btrim(p_metadata ->> 'instep_plan')) THEN
        RETURN btrim(p_metadata ->> 'instep_plan');
    END IF;
    IF p_metadata <> '{}' AND EXISTS (SELECT FROM jsonb_object_keys(p_metadata) AS k (key) WHERE starts_with(k.key, 'instep_')) THEN
        RETURN p_product;
    END IF;
    RETURN NULL;
END
$$;
RESET ROLE;
