-- ledger.plan_check_limits: what is wrong with the limits of a plan; as ledger.plan_check.
--   p_limits  {meter: n} or {meter: {"limit": n, "hard": bool, "per_unit": bool}}
--   p_most    the highest limit that may be
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_check_limits(p_limits jsonb, p_most bigint) RETURNS TABLE (path text[], problem text)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v record;
BEGIN
    IF jsonb_typeof(p_limits) <> 'object' THEN
        RETURN QUERY SELECT ARRAY['limits'], format('%s is no table of meters', ledger.plan_text(p_limits));
        RETURN;
    END IF;
    FOR v IN SELECT m.key, m.value FROM jsonb_each(p_limits) AS m ORDER BY m.key COLLATE "C" LOOP
        IF v.key !~ '^[A-Za-z0-9_.:-]{1,100}$' THEN
            RETURN QUERY SELECT ARRAY['limits', v.key], 'is no name of a meter: 1 to 100 of letters, digits, _ . : -';
        ELSIF jsonb_typeof(v.value) <> 'object' THEN
            RETURN QUERY SELECT ARRAY['limits', v.key], w.problem
                           FROM (SELECT ledger.plan_check_number(v.value, 0, p_most)) AS w (problem) WHERE w.problem IS NOT NULL;
        ELSE
            RETURN QUERY
            SELECT ARRAY['limits', v.key, w.field], w.problem
              FROM (SELECT 'limit', ledger.plan_check_number(coalesce(v.value -> 'limit', 'null'), 0, p_most)
                    UNION ALL
                    SELECT f.key, CASE WHEN f.key NOT IN ('hard', 'per_unit')
                                       THEN 'is no field of a limit; these are: limit, hard, per_unit'
                                       WHEN jsonb_typeof(f.value) <> 'boolean'
                                       THEN format('%s is neither true nor false', ledger.plan_text(f.value)) END
                      FROM jsonb_each(v.value) AS f WHERE f.key <> 'limit') AS w (field, problem)
             WHERE w.problem IS NOT NULL ORDER BY w.field <> 'limit', w.field COLLATE "C";
        END IF;
    END LOOP;
END
$$;
RESET ROLE;
