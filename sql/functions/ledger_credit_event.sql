-- ledger.credit_event: the event of a turn that an entry of credits is told by.
--   p_context  of ledger.apply_turn, or {}
--   p_ids      what the entry is about: subscription, invoice, source; NULLs are skipped
--   Returns    the newest event that names one of them, else the newest of those that a rule reads; NULL without events
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_event(p_context jsonb, p_ids text[]) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF jsonb_typeof(p_context -> 'events') IS DISTINCT FROM 'array' OR p_context -> 'events' = '[]' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT e.value ->> 'id'
              FROM jsonb_array_elements(p_context -> 'events') AS e
             WHERE e.value ->> 'object_id' = ANY (p_ids) OR stripe.event_relevant(e.value ->> 'type')
             ORDER BY coalesce(e.value ->> 'object_id' = ANY (p_ids), false) DESC,
                      ops.moment_or_null(e.value -> 'created', 1) DESC NULLS LAST, e.value ->> 'id' COLLATE "C" DESC
             LIMIT 1);
END
$$;
RESET ROLE;
