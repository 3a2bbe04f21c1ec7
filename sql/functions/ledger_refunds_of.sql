-- ledger.refunds_of: the refunds that these charges carry with them.
--   A charge that carries none, because nobody asked for them, gives none: ledger.mirror_charges sees to that.
--   Errors    IS001 what should be the list is none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.refunds_of(p_charges jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (
    SELECT coalesce(jsonb_agg(r.value), '[]')
      FROM jsonb_array_elements(p_charges) AS c
     CROSS JOIN LATERAL jsonb_array_elements(stripe.members(c.value, c.value #> '{refunds,data}', 'refunds.data')) AS r
     WHERE jsonb_typeof(c.value -> 'refunds') = 'object');
END
$$;
RESET ROLE;
