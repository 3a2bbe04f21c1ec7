-- ledger.metadata_plan: the description of a plan in a product's metadata, in the shape of a file's; docs/credits.md, "Plans".
--   Stripe's metadata are short texts, so numbers, yes and no, caps and limits are read out of texts. What cannot be read stays
--   the text it was, for ledger.plan_check to find.
--   Errors   none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.metadata_plan(p_metadata jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_plan jsonb := '{}';
    v_limits jsonb := '{}';
    v_key text;
    v_text text;
    v_value jsonb;
BEGIN
    FOR v_key, v_text IN SELECT substr(m.key, 8), btrim(m.value) FROM jsonb_each_text(p_metadata) AS m
                          WHERE starts_with(m.key, 'instep_') AND m.key <> 'instep_plan' LOOP
        v_value := CASE WHEN v_text ~ '^-?[0-9]{1,18}$' AND v_key <> 'name' THEN to_jsonb(v_text::bigint)
                        WHEN v_text IN ('true', 'false') AND v_key <> 'name' THEN to_jsonb(v_text::boolean)
                        ELSE to_jsonb(v_text) END;
        IF starts_with(v_key, 'limit_') THEN
            v_limits := v_limits || jsonb_build_object(substr(v_key, 7), CASE
                WHEN v_text ~ '^[0-9]{1,18}( (soft|hard))?( per unit)?( (soft|hard))?$' THEN jsonb_build_object(
                    'limit', substring(v_text FROM '^[0-9]+')::bigint, 'hard', v_text !~ 'soft', 'per_unit', v_text ~ 'per unit')
                ELSE v_value END);
        ELSIF v_key = 'rollover' AND jsonb_typeof(v_value) = 'number' THEN
            v_plan := v_plan || jsonb_build_object('rollover', jsonb_build_object('cap', v_value));
        ELSE
            v_plan := v_plan || jsonb_build_object(v_key, v_value);
        END IF;
    END LOOP;
    RETURN v_plan || CASE WHEN v_limits <> '{}' THEN jsonb_build_object('limits', v_limits) ELSE '{}' END;
END
$$;
RESET ROLE;
