-- ledger.cap_changes: the first 100 changes of a turn, and how many more there were. A first contact may bring thousands.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.cap_changes(p_changes jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_array_length(p_changes) <= 100 THEN
        RETURN p_changes;
    END IF;
    RETURN (SELECT jsonb_agg(c.value ORDER BY c.place)
              FROM jsonb_array_elements(p_changes) WITH ORDINALITY AS c (value, place) WHERE c.place <= 100)
           || jsonb_build_object('what', 'further changes', 'before', NULL,
                                 'after', (jsonb_array_length(p_changes) - 100)::text);
END
$$;
RESET ROLE;
