-- ops.keep_payloads: keep what the turn read, redacted, if the turn asks for it.
--   p_turn  "redact": names of fields to hide; absent: nothing is kept. The same object twice: the last counts.
--   Source  docs/operations.md, "Retention"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.keep_payloads(p_turn jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_fields text[];
BEGIN
    IF jsonb_typeof(p_turn -> 'redact') IS DISTINCT FROM 'array' THEN
        RETURN;
    END IF;
    v_fields := ARRAY(SELECT lower(f.value) FROM jsonb_array_elements_text(p_turn -> 'redact') AS f (value));
    INSERT INTO ops.payload AS p (turn, object, id, payload)
    SELECT DISTINCT ON (o.value ->> 'object', o.value ->> 'id')
           (p_turn ->> 'turn')::uuid, o.value ->> 'object', o.value ->> 'id', ops.redact(o.value, v_fields)
      FROM jsonb_array_elements(coalesce(p_turn -> 'objects', '[]')) WITH ORDINALITY AS o (value, place)
     ORDER BY o.value ->> 'object', o.value ->> 'id', o.place DESC
    ON CONFLICT (turn, object, id) DO UPDATE SET payload = EXCLUDED.payload;
END
$$;
RESET ROLE;
