-- ledger.sale_entry: the journal entry that books a sale up to its target, for ledger.post_entries.
--   p_sale   a row of ledger.sale_targets as JSON, with "sale_user", "n" (entries before) and "delta" (to book)
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.sale_entry(p_sale jsonb, p_account text, p_turn uuid) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'kind', CASE WHEN p_sale ->> 'delta' = '0' THEN 'sale_zero'
                     WHEN p_sale ->> 'state' = 'superseded' THEN 'sale_superseded' ELSE 'sale' END,
        'key', format('sale:%s:%s:%s:%s', p_account, p_sale ->> 'source', (p_sale ->> 'n')::integer + 1,
                      p_sale ->> 'amount'),
        'account', p_account, 'customer', p_sale ->> 'customer', 'user_id', p_sale ->> 'sale_user',
        'subscription', p_sale ->> 'subscription', 'source', p_sale ->> 'source', 'rule', p_sale ->> 'rule',
        'facts', p_sale -> 'facts', 'turn', p_turn,
        'effective', extract(epoch FROM (p_sale ->> 'effective_at')::timestamptz)::bigint,
        'postings', CASE WHEN p_sale ->> 'delta' = '0' THEN '[]' ELSE jsonb_build_array(
            jsonb_build_object('code', 'collected', 'unit', p_sale ->> 'currency', 'amount', (p_sale ->> 'delta')::numeric),
            jsonb_build_object('code', 'sales', 'unit', p_sale ->> 'currency', 'amount', -(p_sale ->> 'delta')::numeric))
        END)
$$;
RESET ROLE;
