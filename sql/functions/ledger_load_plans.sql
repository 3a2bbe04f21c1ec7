-- ledger.load_plans: describe plans, or describe them anew. All or nothing.
--   p_plans    {"plans": {"<key>": {...}}}; docs/credits.md, "Plans", has every field. A plan is described whole: what is absent
--              has its default. Plans that are not named are left alone
--   p_source   where it comes from, for the record: 'file plans.toml', 'sql'; it may not begin with 'product'
--   p_by       who did it
--   p_dry_run  only say what would change
--   p_from     new versions rule periods that begin then or later; default now
--   Returns    one row per difference: change is 'new' (the plan was not described), 'version' (it gets another version) or
--              'match' (a price, lookup key or product stands for another plan than before: field names it, NULL is none).
--              No row: everything is as described already
--   A version is made only where rules differ from those in force at p_from, or when they were a product's so far. "prices" and
--   "products" of a plan, if one of them is there, are all that it has; they hold for every account.
--   Locks      products that name the plans, plans, matches, prices, subscriptions that are concerned, each ascending
--   Errors     IS015 with every fault in it; nothing has changed then
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.load_plans(p_plans jsonb, p_source text, p_by text, p_dry_run boolean DEFAULT false,
                                             p_from timestamptz DEFAULT NULL)
    RETURNS TABLE (plan_key text, change text, field text, before text, after text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_from timestamptz := coalesce(p_from, ledger.clock());
    v_faults text := (SELECT string_agg(array_to_string(e.path, '.') || ': ' || e.problem, '; ') FROM ledger.plan_errors(p_plans) AS e);
    v_keys text[];
    v_touched text[] := '{}';
    v_number integer;
    v record;
BEGIN
    v_faults := concat_ws('; ',
        CASE WHEN coalesce(p_source, '') = '' OR length(p_source) > 300 OR starts_with(p_source, 'product')
             THEN format('source: %L is no name of a source: 1 to 300 characters that do not begin with "product"', p_source) END,
        CASE WHEN coalesce(p_by, '') = '' OR length(p_by) > 300 THEN 'by: say who does it' END,
        CASE WHEN NOT isfinite(v_from) THEN format('from: %s is no day', v_from) END, v_faults);
    IF v_faults <> '' THEN
        RAISE EXCEPTION '%', v_faults USING ERRCODE = 'IS015', HINT = 'Nothing was loaded.';
    END IF;
    v_keys := ARRAY(SELECT k.key FROM jsonb_object_keys(p_plans -> 'plans') AS k (key) ORDER BY k.key COLLATE "C");
    IF NOT p_dry_run THEN
        PERFORM FROM ledger.product AS d WHERE ledger.product_plan(d.id, d.metadata) = ANY (v_keys)
          ORDER BY d.account COLLATE "C", d.id COLLATE "C" FOR NO KEY UPDATE;
        INSERT INTO ledger.plan (plan_key) SELECT k.key FROM unnest(v_keys) AS k (key) ORDER BY k.key COLLATE "C"
        ON CONFLICT DO NOTHING;
        PERFORM FROM ledger.plan AS p WHERE p.plan_key = ANY (v_keys) ORDER BY p.plan_key COLLATE "C" FOR UPDATE;
        v_from := coalesce(p_from, ledger.clock()); -- after those whom we have waited for
    END IF;
    FOR v IN
        SELECT k.key, ledger.plan_rules(p_plans -> 'plans' -> k.key) AS rules, ledger.plan_version_rules(n) AS was, n.version,
               n.source, (SELECT max(m.version) FROM ledger.plan_version AS m WHERE m.plan_key = k.key) AS newest
          FROM unnest(v_keys) WITH ORDINALITY AS k (key, place)
          LEFT JOIN LATERAL (SELECT * FROM ledger.plan_version AS o WHERE o.plan_key = k.key AND o.valid_from <= v_from
                              ORDER BY o.valid_from DESC, o.version DESC LIMIT 1) AS n ON true
         ORDER BY k.place
    LOOP
        CONTINUE WHEN v.rules = v.was AND NOT starts_with(v.source, 'product ');
        v_number := coalesce(v.newest, 0) + 1;
        IF NOT p_dry_run THEN
            v_number := ledger.add_plan_version(v.key, v.rules, v_from, p_source, p_by, NULL);
        END IF;
        v_touched := v_touched || v.key;
        RETURN QUERY
        SELECT v.key, CASE WHEN v.newest IS NULL THEN 'new' ELSE 'version' END, d.field, d.before, d.after
          FROM (SELECT 'version' AS field, v.version::text AS before, v_number::text AS after
                UNION ALL
                SELECT 'valid_from', NULL, ledger.utc_text(v_from)
                UNION ALL
                SELECT 'source', v.source, p_source WHERE v.source IS NOT NULL AND starts_with(v.source, 'product ')
                UNION ALL
                SELECT f.field, f.before, f.after FROM ledger.plan_difference(v.was, v.rules) AS f) AS d;
    END LOOP;
    FOR v IN SELECT m.ref, m.was, m.now FROM ledger.plan_match_changes(p_plans) AS m ORDER BY m.ref COLLATE "C" LOOP
        IF NOT p_dry_run THEN
            DELETE FROM ledger.plan_match AS m WHERE m.account = '*' AND m.ref = v.ref;
            INSERT INTO ledger.plan_match (account, ref, plan_key) SELECT '*', v.ref, v.now WHERE v.now IS NOT NULL;
        END IF;
        RETURN QUERY SELECT coalesce(v.now, v.was), 'match', v.ref, v.was, v.now;
    END LOOP;
    IF NOT p_dry_run THEN
        PERFORM ledger.touch_plans(v_touched || ledger.rematch_prices());
        PERFORM ledger.learn_plans(d.account, array_agg(d.id)) FROM ledger.product AS d
          WHERE ledger.product_plan(d.id, d.metadata) = ANY (v_keys) GROUP BY d.account;
    END IF;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.load_plans(jsonb, text, text, boolean, timestamptz) TO instep_operator;
RESET ROLE;
