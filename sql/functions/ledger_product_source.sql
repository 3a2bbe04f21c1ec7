-- ledger.product_source: how ledger.plan_version.source names a product.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.product_source(p_account text, p_product text) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT 'product ' || CASE WHEN p_account <> 'self' THEN p_account || ':' ELSE '' END || p_product
$$;
RESET ROLE;
