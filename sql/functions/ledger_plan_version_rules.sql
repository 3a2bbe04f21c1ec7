-- ledger.plan_version_rules: a version of a plan as ledger.plan_rules has it, for comparing and for showing. NULL for none.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_version_rules(p_version ledger.plan_version) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN (p_version).plan_key IS NOT NULL THEN jsonb_build_object(
        'name', (p_version).name, 'rank', (p_version).rank, 'monthly_credits', (p_version).monthly_credits,
        'trial_credits', (p_version).trial_credits, 'per_unit', (p_version).per_unit, 'grant', (p_version).grant_when,
        'trial_carry', (p_version).trial_carry,
        'rollover', CASE WHEN (p_version).rollover = 'capped' THEN jsonb_build_object('cap', (p_version).rollover_cap)
                         ELSE to_jsonb((p_version).rollover) END,
        'expires_months', (p_version).expires_months, 'upgrade', (p_version).upgrade, 'downgrade', (p_version).downgrade,
        'clawback', (p_version).clawback, 'limits', (p_version).limits) END
$$;
RESET ROLE;
