-- ledger.plan_key_is_good: may a plan that somebody describes be called so?
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_key_is_good(p_plan_key text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(length(p_plan_key) BETWEEN 1 AND 200 AND p_plan_key !~ '[[:cntrl:]]' AND p_plan_key = btrim(p_plan_key), false)
$$;
RESET ROLE;
