-- ledger.plan_errors: what is wrong with a document of plans, for ledger.load_plans and for programs that want to say where.
--   p_plans   {"plans": {"<key>": {fields of docs/credits.md, "Plans"}}}
--   Returns   one row per fault, in order of path: where, and what, as a sentence without the path; no row: it is good
--   Errors    none, whatever p_plans is
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_errors(p_plans jsonb) RETURNS TABLE (path text[], problem text)
    LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    IF jsonb_typeof(p_plans) IS DISTINCT FROM 'object' OR jsonb_typeof(p_plans -> 'plans') IS DISTINCT FROM 'object'
        OR p_plans -> 'plans' = '{}' THEN
        RETURN QUERY SELECT ARRAY['plans'], 'is missing, or no table with a plan in it';
        RETURN;
    END IF;
    RETURN QUERY SELECT ARRAY[k.key], 'is not known here; all there is are plans'
                   FROM jsonb_object_keys(p_plans) AS k (key) WHERE k.key <> 'plans' ORDER BY k.key COLLATE "C";
    FOR v IN SELECT p.key, p.value FROM jsonb_each(p_plans -> 'plans') AS p ORDER BY p.key COLLATE "C" LOOP
        IF NOT ledger.plan_key_is_good(v.key) THEN
            RETURN QUERY SELECT ARRAY['plans', v.key],
                                'is no key of a plan: 1 to 200 characters, none of them a control character, no space at its ends';
        END IF;
        RETURN QUERY SELECT ARRAY['plans', v.key] || c.path, c.problem FROM ledger.plan_check(v.value) AS c;
    END LOOP;
    RETURN QUERY
    SELECT ARRAY['plans', r.plan_key, r.field], format('%s is listed twice, here and in plan %s', ledger.plan_text(r.ref), r.other)
      FROM (SELECT p.key AS plan_key, f.field, e.value AS ref,
                   lag(p.key) OVER (PARTITION BY e.value ORDER BY p.key COLLATE "C", f.field) AS other
              FROM jsonb_each(p_plans -> 'plans') AS p CROSS JOIN (VALUES ('prices'), ('products')) AS f (field)
             CROSS JOIN LATERAL jsonb_array_elements(
                 CASE WHEN jsonb_typeof(p.value -> f.field) = 'array' THEN p.value -> f.field ELSE '[]' END) AS e) AS r
     WHERE r.other IS NOT NULL;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.plan_errors(jsonb) TO instep_operator;
RESET ROLE;
