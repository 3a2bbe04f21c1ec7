-- ledger.post_entry: record one journal entry and its postings, once: ledger.post_entries for one.
--   p_entry     {"kind", "key", "account", "customer", "user_id", "subscription", "source", "rule", "facts",
--                "effective" (unix seconds), "turn", "corrects" (entry id or null)}
--   p_postings  [{"code", "holder" (default ''), "unit", "amount"}]: debit > 0, credit < 0, sum 0 per unit
--   Returns     the entry's id; if the key exists with the same content, the id of that entry
--   Errors      as ledger.post_entries
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.post_entry(p_entry jsonb, p_postings jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM ledger.post_entries(ARRAY[p_entry || jsonb_build_object('postings', p_postings)]);
    RETURN (SELECT e.id FROM ledger.journal_entry AS e WHERE e.idempotency_key = p_entry ->> 'key');
END
$$;
RESET ROLE;
