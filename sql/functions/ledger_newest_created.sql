-- ledger.newest_created: when the youngest of these objects was made, NULL if there are none.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.newest_created(p_objects jsonb) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT max(stripe.moment_required(o.value, 'created')) FROM jsonb_array_elements(p_objects) AS o);
END
$$;
RESET ROLE;
