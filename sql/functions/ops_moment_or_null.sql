-- ops.moment_or_null: a moment that somebody else wrote down, for the record. Never fails: nonsense is NULL.
--   p_value       a JSON number since 1970;  p_per_second  its unit: 1 for seconds, 1000 for milliseconds
--   Returns       NULL for anything that is not a moment between 1970 and 9999
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.moment_or_null(p_value jsonb, p_per_second integer) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) = 'number' THEN
               CASE WHEN p_value::numeric / p_per_second BETWEEN 0 AND 253402300799
                    THEN to_timestamp((p_value::numeric / p_per_second)::double precision) END END
$$;
RESET ROLE;
