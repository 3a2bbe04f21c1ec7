-- ledger.entry_hash: what makes two entries the same entry; arguments as ledger.post_entry.
--   All that p_entry says counts, but the turn: that is who said so.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.entry_hash(p_entry jsonb, p_postings jsonb) RETURNS bytea
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN sha256(convert_to(jsonb_build_array(
        p_entry ->> 'key', p_entry ->> 'kind', p_entry ->> 'account', p_entry ->> 'customer', p_entry ->> 'user_id',
        p_entry ->> 'subscription', p_entry ->> 'source', p_entry ->> 'rule', p_entry -> 'facts',
        (p_entry ->> 'effective')::bigint, (p_entry ->> 'corrects')::bigint,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(p.value ->> 'code', coalesce(p.value ->> 'holder', ''),
                                                     p.value ->> 'unit', (p.value ->> 'amount')::bigint)
                                   ORDER BY p.value ->> 'code' COLLATE "C", p.value ->> 'holder' COLLATE "C",
                                            p.value ->> 'unit' COLLATE "C", (p.value ->> 'amount')::bigint), '[]')
           FROM jsonb_array_elements(p_postings) AS p))::text, 'UTF8'));
END
$$;
RESET ROLE;
