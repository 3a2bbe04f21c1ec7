-- ledger.price_plan: the plan that a price stands for. The first of these that says something:
--   ledger.plan_match for the price's id, its lookup key, its product's id (each for the account, then for every account);
--   the price's metadata plan_key; the metadata of its product (ledger.product_plan); its lookup key; its id.
--   p_meta_plan  plan_key of the price's metadata
--   Errors   none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.price_plan(p_account text, p_price text, p_lookup_key text, p_product text, p_meta_plan text)
    RETURNS text
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_plan text;
BEGIN
    SELECT m.plan_key INTO v_plan
      FROM (VALUES (p_price, 1), (nullif(p_lookup_key, ''), 2), (p_product, 3)) AS r (ref, place)
     CROSS JOIN LATERAL (SELECT k.plan_key, k.account <> p_account AS everywhere FROM ledger.plan_match AS k
                          WHERE k.account IN (p_account, '*') AND k.ref = r.ref
                         OFFSET 0) AS m
     ORDER BY r.place, m.everywhere LIMIT 1;
    IF v_plan IS NULL AND p_meta_plan IS NULL AND p_product IS NOT NULL THEN
        v_plan := (SELECT ledger.product_plan(d.id, d.metadata) FROM ledger.product AS d
                    WHERE d.account = p_account AND d.id = p_product);
    END IF;
    RETURN coalesce(v_plan, p_meta_plan, nullif(p_lookup_key, ''), p_price);
END
$$;
RESET ROLE;
