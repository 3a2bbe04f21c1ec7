-- ledger.entry_hash_of: the hash of an entry as it stands in the tables; equals content_hash unless tampered with.
--   p_postings  its postings as for ledger.entry_hash, in any order
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.entry_hash_of(bigint);
CREATE OR REPLACE FUNCTION ledger.entry_hash_of(p_entry ledger.journal_entry, p_postings jsonb) RETURNS bytea
    LANGUAGE sql STABLE AS $$
    SELECT ledger.entry_hash(
        jsonb_build_object('key', p_entry.idempotency_key, 'kind', p_entry.kind, 'account', p_entry.account,
                           'customer', p_entry.customer, 'user_id', p_entry.user_id,
                           'subscription', p_entry.subscription, 'source', p_entry.source, 'rule', p_entry.rule,
                           'facts', p_entry.facts, 'effective', extract(epoch FROM p_entry.effective_at)::bigint,
                           'corrects', p_entry.corrects), p_postings)
$$;
RESET ROLE;
