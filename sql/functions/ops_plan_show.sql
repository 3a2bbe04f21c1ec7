-- ops.plan_show: everything known of one plan, as JSON. NULL: there is no such plan.
--   Returns  {"plan_key", "name", "rank", "in_force" (the version that a period beginning now has), "versions": [{"version",
--             "valid_from", "source", "loaded_by", "recorded_at", "rules": as in a file}], newest first, "prices": [{"account", "price",
--             "lookup_key", "product", "active"}], "matches": [{"account", "ref"}], "products": [{"account", "product", "error"}]}
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.plan_show(p_plan_key text) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'plan_key', p.plan_key, 'name', p.name, 'rank', p.rank,
        'in_force', (ledger.plan_version_at(p.plan_key, ledger.clock(), 'infinity')).version,
        'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'version', v.version, 'valid_from', ledger.utc_text(v.valid_from), 'source', v.source,
                                'loaded_by', v.loaded_by, 'recorded_at', ledger.utc_text(v.recorded_at),
                                'rules', jsonb_strip_nulls(ledger.plan_version_rules(v)))
                                ORDER BY v.version DESC), '[]')
                       FROM ledger.plan_version AS v WHERE v.plan_key = p.plan_key),
        'prices', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'account', k.account, 'price', k.price_id, 'lookup_key', k.lookup_key, 'product', k.product_id,
                              'active', k.active) ORDER BY k.account COLLATE "C", k.price_id COLLATE "C"), '[]')
                     FROM ledger.plan_price AS k WHERE k.plan_key = p.plan_key AND NOT k.deleted),
        'matches', (SELECT coalesce(jsonb_agg(jsonb_build_object('account', m.account, 'ref', m.ref)
                               ORDER BY m.account COLLATE "C", m.ref COLLATE "C"), '[]')
                      FROM ledger.plan_match AS m WHERE m.plan_key = p.plan_key),
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_object('account', d.account, 'product', d.id, 'error', d.plan_error)
                               ORDER BY d.account COLLATE "C", d.id COLLATE "C"), '[]')
                       FROM ledger.product AS d WHERE NOT d.deleted AND ledger.product_plan(d.id, d.metadata) = p.plan_key))
      FROM ledger.plan AS p WHERE p.plan_key = p_plan_key
$$;
GRANT EXECUTE ON FUNCTION ops.plan_show(text) TO instep_operator;
RESET ROLE;
