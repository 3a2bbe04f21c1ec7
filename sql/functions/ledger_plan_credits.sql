-- ledger.plan_credits: what a version of a plan gives for a period, or for a trial. No plan gives nothing.
--   p_quantity  of the item; NULL: metered, which is one
--   Returns     at most 10^15: a fact of Stripe's is never refused because it is large
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_credits(p_plan ledger.plan_version, p_trial boolean, p_quantity bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT least(coalesce(CASE WHEN p_trial THEN p_plan.trial_credits ELSE p_plan.monthly_credits END, 0)::numeric
                 * CASE WHEN p_plan.per_unit THEN greatest(coalesce(p_quantity, 1), 0) ELSE 1 END, 1000000000000000)::bigint
$$;
RESET ROLE;
