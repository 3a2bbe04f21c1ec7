-- ops.count_or_null: a count that somebody else wrote down, for the record. Never fails: nonsense is NULL.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.count_or_null(p_value jsonb) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) = 'number' THEN
               CASE WHEN p_value::numeric BETWEEN 0 AND 2147483647 THEN p_value::numeric::integer END END
$$;
RESET ROLE;
