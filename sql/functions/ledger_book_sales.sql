-- ledger.book_sales: book the difference between what these invoices, sessions and charges have brought and what is booked.
--   p_invoices, p_sessions, p_charges  ids that the turn has learned about; their mirrored rows are what counts
--   p_context               of ledger.apply_turn; charges are linked before (ledger.link_charges)
--   The rules are ledger.sale_targets; ledger.book_targets books.
--   Returns {"entries": n, "changes": [...]}
--   Locks  sale rows, ascending; the caller holds customer and user
--   Errors IS001 a negative amount, IS002 a booked sale changes its currency
--   Source docs/ledger.md, "Sales"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.book_sale(jsonb, jsonb);
DROP FUNCTION IF EXISTS ledger.book_sales(text[], text[], jsonb);
CREATE OR REPLACE FUNCTION ledger.book_sales(p_invoices text[], p_sessions text[], p_charges text[], p_context jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_turn uuid := (p_context ->> 'turn')::uuid;
    v_invoices text[] := p_invoices || ARRAY(
        SELECT s.invoice FROM ledger.checkout_session AS s
         WHERE s.account = v_account AND s.id = ANY (p_sessions) AND s.mode = 'payment' AND s.invoice IS NOT NULL);
    v_todo jsonb[];
    v_done jsonb;
    v_refused text;
BEGIN
    v_todo := ARRAY(
        SELECT to_jsonb(d) FROM (
            SELECT t.*, b.source IS NOT NULL AS known, b.currency AS booked_currency, b.amount AS shown,
                   b.customer AS customer_before, coalesce(t.user_id, c.user_id) AS sale_user
              FROM ledger.sale_targets(v_account, v_invoices, p_sessions, p_charges) AS t
              LEFT JOIN LATERAL (SELECT b.* FROM ledger.sale AS b
                                  WHERE b.account = v_account AND b.source = t.source OFFSET 0) AS b ON true
              LEFT JOIN LATERAL (SELECT c.user_id FROM ledger.customer AS c
                                  WHERE c.account = v_account AND c.id = t.customer OFFSET 0) AS c ON true
             WHERE (t.state = 'booked' OR b.source IS NOT NULL)
               AND (b.source IS NULL OR b.flag LIKE 'no longer paid%'
                    OR (b.amount, b.elsewhere, b.state, b.currency, b.kind, b.customer, b.subscription, b.discount_amount,
                        b.billing_reason, b.paid_at, b.user_id)
                       IS DISTINCT FROM
                       (t.amount, t.elsewhere, t.state, t.currency, t.kind, t.customer, t.subscription, t.discount_amount,
                        t.billing_reason, t.paid_at, coalesce(t.user_id, c.user_id)))
             ORDER BY t.source COLLATE "C") AS d);
    SELECT format('sale %s: booked in %s, Stripe now says %s', s.d ->> 'source', s.d ->> 'booked_currency',
                  s.d ->> 'currency') INTO v_refused
      FROM unnest(v_todo) AS s (d) WHERE s.d ->> 'booked_currency' <> s.d ->> 'currency' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_refused USING ERRCODE = 'IS002';
    END IF;
    SELECT format('%s %s: a negative amount paid', s.d #>> '{facts,object}', s.d ->> 'source') INTO v_refused
      FROM unnest(v_todo) AS s (d) WHERE (s.d ->> 'amount')::bigint < 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_refused USING ERRCODE = 'IS001';
    END IF;

    INSERT INTO ledger.sale (account, source, kind, state, customer, user_id, subscription, currency, amount,
                             discount_amount, billing_reason, paid_at, entries_count, turn)
    SELECT v_account, s.d ->> 'source', s.d ->> 'kind', 'booked', s.d ->> 'customer', s.d ->> 'sale_user',
           s.d ->> 'subscription', s.d ->> 'currency', 0, (s.d ->> 'discount_amount')::bigint,
           s.d ->> 'billing_reason', (s.d ->> 'paid_at')::timestamptz, 0, v_turn
      FROM unnest(v_todo) AS s (d) WHERE NOT (s.d -> 'known')::boolean
     ORDER BY s.d ->> 'source' COLLATE "C"
    ON CONFLICT (account, source) DO NOTHING;
    -- A guest's sale has no customer whose lock would protect it: the sale's own row does.
    PERFORM FROM ledger.sale AS s
      WHERE s.account = v_account AND s.source = ANY (ARRAY(SELECT d ->> 'source' FROM unnest(v_todo) AS d))
      ORDER BY s.source COLLATE "C" FOR UPDATE;
    SELECT coalesce(jsonb_object_agg(n.d ->> 'source', n.d), '{}') INTO v_done
      FROM unnest(ledger.book_targets(ARRAY(
               SELECT jsonb_build_object(
                          'rule', s.d -> 'rule', 'source', s.d -> 'source', 'customer', s.d -> 'customer',
                          'user_id', s.d -> 'sale_user', 'subscription', s.d -> 'subscription', 'facts', s.d -> 'facts',
                          'unit', s.d -> 'currency', 'state', s.d -> 'amount', 'note', 'sale_zero',
                          'kind', CASE WHEN s.d ->> 'state' = 'superseded' THEN 'sale_superseded' ELSE 'sale' END,
                          'amounts', jsonb_build_object(
                              'collected', (s.d ->> 'amount')::bigint - (s.d ->> 'elsewhere')::bigint,
                              'collected_elsewhere', (s.d ->> 'elsewhere')::bigint, 'sales', -(s.d ->> 'amount')::numeric),
                          'effective', extract(epoch FROM (s.d ->> 'effective_at')::timestamptz)::bigint)
                 FROM unnest(v_todo) WITH ORDINALITY AS s (d, place) ORDER BY s.place), p_context)) AS n (d);
    -- An upsert where an update would do: it finds each row by its key, however many there are.
    INSERT INTO ledger.sale AS s (account, source, kind, state, customer, user_id, subscription, currency, amount, elsewhere,
                                  discount_amount, billing_reason, paid_at, entries_count, flag, turn)
    SELECT v_account, n.d ->> 'source', n.d ->> 'kind', n.d ->> 'state', n.d ->> 'customer', n.d ->> 'sale_user',
           n.d ->> 'subscription', n.d ->> 'currency', (n.d ->> 'amount')::bigint, (n.d ->> 'elsewhere')::bigint,
           (n.d ->> 'discount_amount')::bigint, n.d ->> 'billing_reason', (n.d ->> 'paid_at')::timestamptz,
           CASE WHEN v_done ? (n.d ->> 'source') THEN 1 ELSE 0 END,
           -- credited back: less was sold than booked before
           CASE WHEN (v_done #> ARRAY[n.d ->> 'source', 'delta', 'sales'])::numeric > 0 AND n.d ->> 'state' = 'booked'
                THEN format('fell from %s to %s %s',
                            (n.d ->> 'amount')::numeric + (v_done #> ARRAY[n.d ->> 'source', 'delta', 'sales'])::numeric,
                            n.d ->> 'amount', n.d ->> 'currency') END,
           v_turn
      FROM unnest(v_todo) WITH ORDINALITY AS n (d, place) ORDER BY n.place
    ON CONFLICT (account, source) DO UPDATE
       SET kind = EXCLUDED.kind, state = EXCLUDED.state, customer = EXCLUDED.customer, user_id = EXCLUDED.user_id,
           subscription = EXCLUDED.subscription, amount = EXCLUDED.amount, elsewhere = EXCLUDED.elsewhere,
           entries_count = s.entries_count + EXCLUDED.entries_count,
           discount_amount = EXCLUDED.discount_amount, billing_reason = EXCLUDED.billing_reason,
           paid_at = EXCLUDED.paid_at, turn = EXCLUDED.turn,
           flag = coalesce(EXCLUDED.flag, CASE WHEN s.flag NOT LIKE 'no longer paid%' THEN s.flag END);

    RETURN jsonb_build_object('entries', (SELECT count(*) FROM jsonb_object_keys(v_done)), 'changes', to_jsonb(
        ARRAY(SELECT jsonb_build_object('what', 'sale ' || (s.d ->> 'source'),
                         'before', (s.d ->> 'shown') || ' ' || (s.d ->> 'currency'),
                         'after', CASE WHEN s.d ->> 'state' = 'superseded' THEN 'superseded'
                                       ELSE concat_ws(' ', s.d ->> 'amount', s.d ->> 'currency',
                                                      CASE WHEN (s.d -> 'known')::boolean
                                                                AND s.d -> 'customer' <> s.d -> 'customer_before'
                                                           THEN 'of ' || (s.d ->> 'customer') END) END)
                FROM unnest(v_todo) WITH ORDINALITY AS s (d, place) ORDER BY s.place)
        || ledger.flag_unpaid(v_invoices, p_sessions, p_charges, p_context)));
END
$$;
RESET ROLE;
