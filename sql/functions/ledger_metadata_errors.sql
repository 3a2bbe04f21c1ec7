-- ledger.metadata_errors: what is wrong with what a product's metadata say of a plan, in one text; NULL: nothing.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.metadata_errors(p_metadata jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%s: %s', e.key, e.problem), '; ' ORDER BY e.key COLLATE "C")
      FROM (SELECT 'instep_plan', format('%s is no key of a plan', ledger.plan_text(p_metadata -> 'instep_plan'))
             WHERE p_metadata ? 'instep_plan' AND NOT ledger.plan_key_is_good(btrim(p_metadata ->> 'instep_plan'))
            UNION ALL
            SELECT 'instep_' || CASE WHEN c.path[1] = 'limits' AND cardinality(c.path) > 1 THEN 'limit_' || c.path[2]
                                     ELSE c.path[1] END,
                   c.problem
              FROM ledger.plan_check(ledger.metadata_plan(p_metadata)) AS c) AS e (key, problem)
$$;
RESET ROLE;
