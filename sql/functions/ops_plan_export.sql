-- ops.plan_export: the plans as ledger.load_plans takes them: rules that are in force now, and what was listed for every account.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.plan_export() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('plans', coalesce(jsonb_object_agg(p.plan_key, jsonb_strip_nulls(
               ledger.plan_version_rules(v) || jsonb_build_object('prices', m.prices, 'products', m.products))), '{}'))
      FROM ledger.plan AS p
     CROSS JOIN LATERAL ledger.plan_version_at(p.plan_key, ledger.clock(), 'infinity') AS v
     CROSS JOIN LATERAL (SELECT jsonb_agg(o.ref ORDER BY o.ref COLLATE "C") FILTER (WHERE NOT starts_with(o.ref, 'prod_')) AS prices,
                                jsonb_agg(o.ref ORDER BY o.ref COLLATE "C") FILTER (WHERE starts_with(o.ref, 'prod_')) AS products
                           FROM ledger.plan_match AS o WHERE o.plan_key = p.plan_key AND o.account = '*') AS m
     WHERE v.plan_key IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION ops.plan_export() TO instep_operator;
RESET ROLE;
