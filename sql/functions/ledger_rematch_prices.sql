-- ledger.rematch_prices: make every price stand for the plan that it should, after matches have changed.
--   Returns   the plans that prices stand for now and did not before, and those that they stood for
--   Locks     new plans; prices that change, ascending
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.rematch_prices() RETURNS text[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v record;
    v_plans text[] := '{}';
BEGIN
    FOR v IN SELECT k.account, k.price_id, k.plan_key, n.plan_now
               FROM ledger.plan_price AS k
              CROSS JOIN LATERAL (SELECT ledger.price_plan(k.account, k.price_id, k.lookup_key, k.product_id, k.meta_plan))
                         AS n (plan_now)
              WHERE n.plan_now <> k.plan_key
              ORDER BY k.account COLLATE "C", k.price_id COLLATE "C"
    LOOP
        INSERT INTO ledger.plan (plan_key) VALUES (v.plan_now) ON CONFLICT (plan_key) DO NOTHING;
        UPDATE ledger.plan_price AS k SET plan_key = v.plan_now WHERE k.account = v.account AND k.price_id = v.price_id;
        v_plans := v_plans || ARRAY[v.plan_now, v.plan_key];
    END LOOP;
    RETURN v_plans;
END
$$;
RESET ROLE;
