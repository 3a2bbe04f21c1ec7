-- ledger.plan_text: a value in a sentence or a difference: JSON, but words without quotes, cut after 80 characters. NULL for none.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_text(p_value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(t.text) > 80 THEN left(t.text, 77) || '...' ELSE t.text END
      FROM (SELECT CASE WHEN jsonb_typeof(p_value) = 'string' AND p_value #>> '{}' ~ '^[A-Za-z0-9_.:-]+$'
                        THEN p_value #>> '{}' ELSE nullif(p_value, 'null')::text END) AS t (text)
$$;
RESET ROLE;
