-- ledger.plan_check: what is wrong with the description of one plan.
--   p_plan    {"name", "rank", "monthly_credits", ...}: the fields of docs/credits.md, "Plans"; what is absent or null has its default
--   Returns   one row per fault: where (the path inside the plan) and what, as a sentence without the path; no row: it is good
--   Errors    none, whatever p_plan is
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_check(p_plan jsonb) RETURNS TABLE (path text[], problem text)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    c_most constant bigint := 1000000000000; -- times a quantity of a million it still is a bigint
    v record;
BEGIN
    IF jsonb_typeof(p_plan) IS DISTINCT FROM 'object' THEN
        RETURN QUERY SELECT '{}'::text[], 'is no table of fields';
        RETURN;
    END IF;
    FOR v IN SELECT f.key, f.value, jsonb_typeof(f.value) AS type, ledger.plan_text(f.value) AS shown
               FROM jsonb_each(p_plan) AS f ORDER BY f.key COLLATE "C" LOOP
        path := ARRAY[v.key];
        problem := NULL;
        CONTINUE WHEN v.type = 'null';
        CASE v.key
            WHEN 'name' THEN
                IF v.type <> 'string' OR length(v.value #>> '{}') NOT BETWEEN 1 AND 200 THEN
                    problem := format('%s is no text of 1 to 200 characters', v.shown);
                END IF;
            WHEN 'rank' THEN
                problem := ledger.plan_check_number(v.value, -1000000, 1000000);
            WHEN 'monthly_credits', 'trial_credits' THEN
                problem := ledger.plan_check_number(v.value, 0, c_most);
            WHEN 'per_unit', 'trial_carry' THEN
                IF v.type <> 'boolean' THEN
                    problem := format('%s is neither true nor false', v.shown);
                END IF;
            WHEN 'grant' THEN
                problem := ledger.plan_check_word(v.value, '{active,paid}');
            WHEN 'upgrade' THEN
                problem := ledger.plan_check_word(v.value, '{difference,renewal}');
            WHEN 'downgrade' THEN
                problem := ledger.plan_check_word(v.value, '{renewal,now}');
            WHEN 'clawback' THEN
                problem := ledger.plan_check_word(v.value, '{none,clamp,negative}');
            WHEN 'rollover' THEN
                IF v.type = 'object' AND v.value ? 'cap' AND (v.value - 'cap') = '{}' THEN
                    path := ARRAY[v.key, 'cap'];
                    problem := ledger.plan_check_number(v.value -> 'cap', 0, c_most);
                ELSIF v.type <> 'string' OR v.value #>> '{}' NOT IN ('none', 'unlimited') THEN
                    problem := format('%s is neither none nor unlimited nor a cap (cap = 100)', v.shown);
                END IF;
            WHEN 'expires_months' THEN
                problem := ledger.plan_check_number(v.value, 1, 1200);
                IF problem IS NULL AND p_plan -> 'rollover' IS DISTINCT FROM '"unlimited"' THEN
                    problem := format('%s goes with rollover unlimited only: other credits end with their period', v.shown);
                END IF;
            WHEN 'limits' THEN
                RETURN QUERY SELECT l.path, l.problem FROM ledger.plan_check_limits(v.value, c_most) AS l;
            WHEN 'prices', 'products' THEN
                IF v.type <> 'array' OR EXISTS (
                    SELECT FROM jsonb_array_elements(CASE WHEN v.type = 'array' THEN v.value ELSE '[]' END) AS r
                     WHERE jsonb_typeof(r.value) <> 'string' OR length(r.value #>> '{}') NOT BETWEEN 1 AND 200) THEN
                    problem := format('%s is no list of ids', v.shown);
                END IF;
            ELSE
                problem := 'is no field of a plan; these are: name, rank, monthly_credits, trial_credits, per_unit, grant, '
                           || 'trial_carry, rollover, expires_months, upgrade, downgrade, clawback, limits, prices, products';
        END CASE;
        IF problem IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
RESET ROLE;
