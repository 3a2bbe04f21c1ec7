-- ledger.plan_difference: what differs between two sets of rules, field by field, limits meter by meter.
--   p_before  of ledger.plan_rules, or NULL: then everything that says something differs
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_difference(p_before jsonb, p_after jsonb) RETURNS TABLE (field text, before text, after text)
    LANGUAGE sql IMMUTABLE AS $$
    WITH one AS (
        SELECT r.place, f.key AS field, f.value
          FROM (VALUES (1, p_before), (2, p_after)) AS r (place, rules)
         CROSS JOIN LATERAL jsonb_each(r.rules - 'limits') AS f
        UNION ALL
        SELECT r.place, 'limits.' || f.key, f.value
          FROM (VALUES (1, p_before), (2, p_after)) AS r (place, rules)
         CROSS JOIN LATERAL jsonb_each(r.rules -> 'limits') AS f
    )
    SELECT coalesce(b.field, a.field), ledger.plan_text(b.value), ledger.plan_text(a.value)
      FROM (SELECT * FROM one WHERE place = 1) AS b
      FULL JOIN (SELECT * FROM one WHERE place = 2) AS a ON a.field = b.field
     WHERE nullif(b.value, 'null') IS DISTINCT FROM nullif(a.value, 'null')
     ORDER BY coalesce(array_position('{name,rank,monthly_credits,trial_credits,per_unit,grant,trial_carry,rollover,expires_months,upgrade,downgrade,clawback}',
                                      coalesce(b.field, a.field)), 99), coalesce(b.field, a.field) COLLATE "C"
$$;
RESET ROLE;
