-- ledger.entry_hash_of: the hash of an entry as it stands in the tables; equals content_hash unless tampered with.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.entry_hash_of(p_entry_id bigint) RETURNS bytea
    LANGUAGE sql STABLE AS $$
    SELECT ledger.entry_hash(
        jsonb_build_object('kind', e.kind, 'account', e.account, 'customer', e.customer,
                           'subscription', e.subscription, 'source', e.source,
                           'effective', extract(epoch FROM e.effective_at)::bigint, 'corrects', e.corrects),
        (SELECT coalesce(jsonb_agg(jsonb_build_object('code', a.code, 'holder', a.holder, 'unit', p.unit,
                                                      'amount', p.amount)), '[]')
           FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id
          WHERE p.entry_id = e.id))
      FROM ledger.journal_entry AS e WHERE e.id = p_entry_id
$$;
RESET ROLE;
