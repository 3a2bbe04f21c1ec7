-- ledger.add_plan_version: write down a new version of a plan; old grants keep theirs. The plan's name and rank follow.
--   p_rules       of ledger.plan_rules
--   p_valid_from  rules periods that begin then or later
--   p_source      'file plans.toml', 'product prod_…', 'sql'
--   p_title       name for people when the rules have none, or NULL
--   Returns       the version's number
--   Locks         the caller holds the plan's row
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.add_plan_version(p_plan_key text, p_rules jsonb, p_valid_from timestamptz, p_source text,
                                                   p_by text, p_title text) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_version integer := 1 + coalesce((SELECT max(n.version) FROM ledger.plan_version AS n WHERE n.plan_key = p_plan_key), 0);
    v_cap bigint := (p_rules #>> '{rollover,cap}')::bigint;
BEGIN
    INSERT INTO ledger.plan_version
        (plan_key, version, valid_from, name, rank, monthly_credits, trial_credits, per_unit, grant_when, trial_carry,
         rollover, rollover_cap, expires_months, upgrade, downgrade, clawback, limits, source, loaded_by)
    VALUES (p_plan_key, v_version, p_valid_from, p_rules ->> 'name', (p_rules -> 'rank')::integer,
            (p_rules -> 'monthly_credits')::bigint, (p_rules -> 'trial_credits')::bigint, (p_rules -> 'per_unit')::boolean,
            p_rules ->> 'grant', (p_rules -> 'trial_carry')::boolean,
            CASE WHEN v_cap IS NULL THEN p_rules ->> 'rollover' ELSE 'capped' END, v_cap,
            (p_rules ->> 'expires_months')::integer, p_rules ->> 'upgrade', p_rules ->> 'downgrade', p_rules ->> 'clawback',
            p_rules -> 'limits', p_source, p_by);
    UPDATE ledger.plan AS p
       SET name = coalesce(p_rules ->> 'name', p_title, p.name), rank = (p_rules -> 'rank')::integer, discovered = false
     WHERE p.plan_key = p_plan_key;
    RETURN v_version;
END
$$;
RESET ROLE;
