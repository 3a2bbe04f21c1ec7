-- ledger.book_sales: book the difference between what these invoices and sessions have brought and what is booked.
--   p_invoices, p_sessions  ids that the turn read; their mirrored rows are what counts
--   p_context               of ledger.apply_turn
--   Rules  sale.invoice  status paid: amount_paid; nothing else of an invoice is money that came in
--          sale.session  mode payment and payment_status paid: amount_total
--          an invoice that a payment-mode session names is that session's paper: its sale is taken back if booked
--   Returns {"entries": n, "changes": [...]}
--   Locks  sale rows, ascending; the caller holds customer and user
--   Errors IS002 a booked sale changes its currency
--   Source docs/ledger.md, "Sales"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.book_sales(p_invoices text[], p_sessions text[], p_context jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_invoices text[] := p_invoices || ARRAY(
        SELECT s.invoice FROM ledger.checkout_session AS s
         WHERE s.account = v_account AND s.id = ANY (p_sessions) AND s.mode = 'payment' AND s.invoice IS NOT NULL);
    v_changes jsonb := '[]';
    v_entries integer := 0;
    v record;
BEGIN
    FOR v IN
        WITH target AS (
            SELECT i.id AS source, CASE WHEN i.subscription IS NULL THEN 'invoice' ELSE 'subscription' END AS kind,
                   CASE WHEN x.session IS NULL THEN 'booked' ELSE 'superseded' END AS state, i.customer,
                   i.subscription, i.currency, CASE WHEN x.session IS NULL THEN i.amount_paid ELSE 0 END AS amount,
                   i.discount_amount, i.billing_reason, i.paid_at, coalesce(i.paid_at, i.created_at) AS effective_at,
                   NULL::text AS user_id, 'sale.invoice' AS rule,
                   jsonb_strip_nulls(jsonb_build_object(
                       'object', 'invoice', 'id', i.id, 'status', i.status, 'amount_paid', i.amount_paid,
                       'currency', i.currency, 'total', i.total, 'billing_reason', i.billing_reason,
                       'subscription', i.subscription, 'session', x.session,
                       'paid_at', extract(epoch FROM i.paid_at)::bigint)) AS facts
              FROM ledger.invoice AS i
              LEFT JOIN LATERAL (SELECT s.id AS session FROM ledger.checkout_session AS s
                                  WHERE s.account = i.account AND s.invoice = i.id AND s.mode = 'payment'
                                  ORDER BY s.id COLLATE "C" LIMIT 1) AS x ON true
             WHERE i.account = v_account AND i.status = 'paid' AND i.id = ANY (v_invoices)
            UNION ALL
            SELECT s.id, 'one_time', 'booked', s.customer, NULL, s.currency, s.amount_total, s.discount_amount, NULL,
                   NULL, s.created_at,
                   CASE WHEN s.customer IS NULL THEN coalesce(s.meta_user, s.client_reference_id) END, 'sale.session',
                   jsonb_strip_nulls(jsonb_build_object(
                       'object', 'checkout.session', 'id', s.id, 'mode', s.mode, 'payment_status', s.payment_status,
                       'amount_total', s.amount_total, 'currency', s.currency, 'invoice', s.invoice))
              FROM ledger.checkout_session AS s
             WHERE s.account = v_account AND s.id = ANY (p_sessions) AND s.mode = 'payment'
               AND s.payment_status = 'paid')
        SELECT t.*, b.amount AS booked, b.currency AS booked_currency, b.entries_count,
               coalesce(t.user_id, c.user_id) AS sale_user, b.source IS NOT NULL AS known
          FROM target AS t
          LEFT JOIN ledger.sale AS b ON b.account = v_account AND b.source = t.source
          LEFT JOIN ledger.customer AS c ON c.account = v_account AND c.id = t.customer
         WHERE (t.state = 'booked' OR b.source IS NOT NULL)
           AND (b.source IS NULL OR b.amount <> t.amount OR b.state <> t.state OR b.currency <> t.currency)
         ORDER BY t.source COLLATE "C"
    LOOP
        IF v.known AND v.booked_currency <> v.currency THEN
            RAISE EXCEPTION 'sale %: booked in %, Stripe now says %', v.source, v.booked_currency, v.currency
                USING ERRCODE = 'IS002';
        END IF;
        IF v.amount < 0 THEN
            RAISE EXCEPTION '% %: a negative amount paid', v.facts ->> 'object', v.source USING ERRCODE = 'IS001';
        END IF;
        PERFORM ledger.book_sale(to_jsonb(v), p_context);
        v_entries := v_entries + CASE WHEN v.known AND v.booked = v.amount THEN 0 ELSE 1 END;
        v_changes := v_changes || jsonb_build_object('what', 'sale ' || v.source,
            'before', v.booked || ' ' || v.currency,
            'after', CASE WHEN v.state = 'superseded' THEN 'superseded' ELSE v.amount || ' ' || v.currency END);
    END LOOP;
    RETURN jsonb_build_object('entries', v_entries, 'changes', v_changes);
END
$$;
RESET ROLE;
