-- ledger.describes_plan: do a product's metadata say more of a plan than its name?
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.describes_plan(p_metadata jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (SELECT FROM jsonb_object_keys(p_metadata) AS k (key)
                    WHERE starts_with(k.key, 'instep_') AND k.key <> 'instep_plan')
$$;
RESET ROLE;
