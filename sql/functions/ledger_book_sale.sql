-- ledger.book_sale: book one sale up to its target; ledger.book_sales decides which and how much.
--   p_sale     {"source", "kind", "state", "customer", "sale_user", "subscription", "currency", "amount" (target),
--               "discount_amount", "billing_reason", "paid_at", "effective_at", "rule", "facts"}
--   The key names the target and how many entries came before it: sale:<account>:<source>:<n>:<amount>. What was
--   booked before is summed from the postings, not believed from the sale's row.
--   Locks      the sale's row
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.book_sale(p_sale jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_turn uuid := (p_context ->> 'turn')::uuid;
    v_amount bigint := (p_sale ->> 'amount')::bigint;
    v_unit text := p_sale ->> 'currency';
    v_booked bigint;
    v_count integer;
    v_delta bigint;
    v_flag text;
BEGIN
    INSERT INTO ledger.sale (account, source, kind, state, customer, user_id, subscription, currency, amount,
                             discount_amount, billing_reason, paid_at, entries_count, turn)
    VALUES (v_account, p_sale ->> 'source', p_sale ->> 'kind', 'booked', p_sale ->> 'customer',
            p_sale ->> 'sale_user', p_sale ->> 'subscription', v_unit, 0, (p_sale ->> 'discount_amount')::bigint,
            p_sale ->> 'billing_reason', (p_sale ->> 'paid_at')::timestamptz, 0, v_turn)
    ON CONFLICT (account, source) DO NOTHING;
    -- A guest's session has no customer whose lock would protect it: the sale's own row does.
    PERFORM FROM ledger.sale AS s WHERE s.account = v_account AND s.source = p_sale ->> 'source' FOR UPDATE;
    SELECT count(DISTINCT e.id), coalesce(-sum(p.amount), 0) INTO v_count, v_booked
      FROM ledger.journal_entry AS e
      LEFT JOIN (ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id AND a.code = 'sales')
             ON p.entry_id = e.id
     WHERE e.account = v_account AND e.source = p_sale ->> 'source';
    v_delta := v_amount - v_booked;
    IF v_delta < 0 AND p_sale ->> 'state' = 'booked' THEN
        v_flag := format('fell from %s to %s %s', v_booked, v_amount, v_unit);
    END IF;
    IF v_delta <> 0 OR v_count = 0 THEN
        v_count := v_count + 1;
        PERFORM ledger.post_entry(
            jsonb_build_object(
                'kind', CASE WHEN v_delta = 0 THEN 'sale_zero'
                             WHEN p_sale ->> 'state' = 'superseded' THEN 'sale_superseded' ELSE 'sale' END,
                'key', format('sale:%s:%s:%s:%s', v_account, p_sale ->> 'source', v_count, v_amount),
                'account', v_account, 'customer', p_sale ->> 'customer', 'user_id', p_sale ->> 'sale_user',
                'subscription', p_sale ->> 'subscription', 'source', p_sale ->> 'source', 'rule', p_sale ->> 'rule',
                'facts', p_sale -> 'facts', 'turn', v_turn,
                'effective', extract(epoch FROM (p_sale ->> 'effective_at')::timestamptz)::bigint),
            CASE WHEN v_delta = 0 THEN '[]' ELSE jsonb_build_array(
                jsonb_build_object('code', 'collected', 'unit', v_unit, 'amount', v_delta),
                jsonb_build_object('code', 'sales', 'unit', v_unit, 'amount', -v_delta)) END);
    END IF;
    UPDATE ledger.sale AS s
       SET kind = p_sale ->> 'kind', state = p_sale ->> 'state', amount = v_amount, entries_count = v_count,
           subscription = p_sale ->> 'subscription', discount_amount = (p_sale ->> 'discount_amount')::bigint,
           billing_reason = p_sale ->> 'billing_reason', paid_at = (p_sale ->> 'paid_at')::timestamptz,
           flag = coalesce(v_flag, s.flag), turn = v_turn
     WHERE s.account = v_account AND s.source = p_sale ->> 'source';
END
$$;
RESET ROLE;
