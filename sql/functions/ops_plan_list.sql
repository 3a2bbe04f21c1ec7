-- ops.plan_list: every plan that is described or has a price, at a glance, and what is wrong with products that would describe one.
--   Returns  {"plans": [{"plan_key", "name", "rank", "version" (in force now; null: nobody has described the plan), "versions",
--             "valid_from", "monthly_credits", "trial_credits", "rollover", "limits", "source", "prices", "subscriptions" (not
--             ended)}] by rank, then key, "products": [{"account", "product", "plan_key", "error"}]}
--   Cost     counts subscriptions: for people
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.plan_list() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'plans', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                             'plan_key', p.plan_key, 'name', p.name, 'rank', p.rank, 'version', v.version,
                             'versions', (SELECT count(*) FROM ledger.plan_version AS n WHERE n.plan_key = p.plan_key),
                             'valid_from', ledger.utc_text(v.valid_from), 'monthly_credits', v.monthly_credits,
                             'trial_credits', v.trial_credits, 'rollover', ledger.plan_version_rules(v) -> 'rollover',
                             'limits', v.limits, 'source', v.source,
                             'prices', (SELECT count(*) FROM ledger.plan_price AS k
                                         WHERE k.plan_key = p.plan_key AND NOT k.deleted),
                             'subscriptions', (SELECT count(DISTINCT (i.account, i.subscription))
                                                 FROM ledger.plan_price AS k
                                                 JOIN ledger.subscription_item AS i
                                                   ON i.account = k.account AND i.price_id = k.price_id AND i.removed_at IS NULL
                                                 JOIN ledger.subscription AS s
                                                   ON s.account = i.account AND s.id = i.subscription AND s.ended_at IS NULL
                                                WHERE k.plan_key = p.plan_key))
                         ORDER BY p.rank DESC, p.plan_key COLLATE "C"), '[]')
                    FROM ledger.plan AS p
                   CROSS JOIN LATERAL ledger.plan_version_at(p.plan_key, ledger.clock(), 'infinity') AS v
                   WHERE v.version IS NOT NULL -- or somebody may have it; what a price stood for once is nobody's plan
                      OR EXISTS (SELECT FROM ledger.plan_price AS k WHERE k.plan_key = p.plan_key AND NOT k.deleted)),
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'account', d.account, 'product', d.id, 'plan_key', ledger.product_plan(d.id, d.metadata),
                                'error', d.plan_error) ORDER BY d.account COLLATE "C", d.id COLLATE "C"), '[]')
                       FROM ledger.product AS d WHERE d.plan_error IS NOT NULL))
$$;
GRANT EXECUTE ON FUNCTION ops.plan_list() TO instep_operator;
RESET ROLE;
