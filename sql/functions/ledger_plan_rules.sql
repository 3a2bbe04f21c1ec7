-- ledger.plan_rules: a plan's description with every field in it and nothing else, canonical: equal rules, equal jsonb.
--   p_plan    one that ledger.plan_check finds nothing wrong with; prices and products are left out
--   Defaults  those of ledger.plan_version, whose columns these are
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_rules(p_plan jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'name', f.plan -> 'name', 'rank', coalesce((f.plan ->> 'rank')::numeric::integer, 0),
        'monthly_credits', coalesce((f.plan ->> 'monthly_credits')::numeric::bigint, 0),
        'trial_credits', coalesce((f.plan ->> 'trial_credits')::numeric::bigint, 0),
        'per_unit', coalesce((f.plan -> 'per_unit')::boolean, true),
        'grant', coalesce(f.plan ->> 'grant', 'paid'),
        'trial_carry', coalesce((f.plan -> 'trial_carry')::boolean, true),
        'rollover', CASE WHEN jsonb_typeof(f.plan -> 'rollover') = 'object'
                         THEN jsonb_build_object('cap', (f.plan #>> '{rollover,cap}')::numeric::bigint)
                         ELSE coalesce(f.plan -> 'rollover', '"none"') END,
        'expires_months', (f.plan ->> 'expires_months')::numeric::integer,
        'upgrade', coalesce(f.plan ->> 'upgrade', 'difference'),
        'downgrade', coalesce(f.plan ->> 'downgrade', 'renewal'),
        'clawback', coalesce(f.plan ->> 'clawback', 'clamp'),
        'limits', (SELECT coalesce(jsonb_object_agg(m.key, CASE jsonb_typeof(m.value)
                              WHEN 'object' THEN jsonb_build_object(
                                  'limit', (m.value ->> 'limit')::numeric::bigint,
                                  'hard', coalesce((m.value -> 'hard')::boolean, true),
                                  'per_unit', coalesce((m.value -> 'per_unit')::boolean, false))
                              ELSE jsonb_build_object('limit', (m.value #>> '{}')::numeric::bigint, 'hard', true,
                                                      'per_unit', false) END), '{}')
                     FROM jsonb_each(coalesce(f.plan -> 'limits', '{}')) AS m WHERE m.value <> 'null'))
      FROM (SELECT jsonb_strip_nulls(p_plan)) AS f (plan)
$$;
RESET ROLE;
