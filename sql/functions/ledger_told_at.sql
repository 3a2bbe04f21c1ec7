-- ledger.told_at: since when something holds that Stripe gives no moment for, in unix seconds: the newest event of the turn
--   that names one of these objects, else the read.
--   p_ids   array of ids
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.told_at(p_ids jsonb, p_context jsonb) RETURNS bigint
    LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT max(extract(epoch FROM ops.moment_or_null(e.value -> 'created', 1)))
                       FROM jsonb_array_elements(p_context -> 'events') AS e WHERE p_ids ? (e.value ->> 'object_id')),
                    (p_context ->> 'read_at')::numeric)::bigint
$$;
RESET ROLE;
