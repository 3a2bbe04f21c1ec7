-- ledger.credit_told_at: the moment of the newest event of a turn that names one of these objects, else of any; NULL without events.
--   Taken for what Stripe gives no moment for: a refund that failed, a dispute that was won.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_told_at(p_context jsonb, p_ids text[]) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF jsonb_typeof(p_context -> 'events') IS DISTINCT FROM 'array' THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT ops.moment_or_null(e.value -> 'created', 1)
              FROM jsonb_array_elements(p_context -> 'events') AS e
             ORDER BY coalesce(e.value ->> 'object_id' = ANY (p_ids), false) DESC,
                      ops.moment_or_null(e.value -> 'created', 1) DESC NULLS LAST
             LIMIT 1);
END
$$;
RESET ROLE;
