-- ledger.sale_targets: the sales that these mirrored invoices, sessions and charges are, as they should be booked.
--   Rules  sale.invoice  status paid: amount_paid, of which amount_off_stripe was collected elsewhere; nothing else of an
--                        invoice is money that came in
--          sale.session  mode payment and payment_status paid: amount_total
--          sale.charge   succeeded and captured, and nothing names it (charge.sale is its own id): amount_captured
--          an invoice that a payment-mode session names is that session's paper, unless that is unpaid, a charge that is another sale's money is no
--          sale: state superseded, amount 0
--   user_id  of a guest's session; a customer's sales have the customer's user
--   Source docs/ledger.md, "Sales"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.sale_targets(text, text[], text[]);
DROP FUNCTION IF EXISTS ledger.sale_targets(text, text[], text[], text[]);
CREATE FUNCTION ledger.sale_targets(p_account text, p_invoices text[], p_sessions text[], p_charges text[])
    RETURNS TABLE (source text, kind text, state text, customer text, subscription text, currency text, amount bigint,
                   elsewhere bigint, discount_amount bigint, billing_reason text, paid_at timestamptz,
                   effective_at timestamptz, user_id text, rule text, facts jsonb)
    LANGUAGE sql STABLE AS $$
    SELECT i.id, CASE WHEN i.subscription IS NULL THEN 'invoice' ELSE 'subscription' END,
           CASE WHEN x.session IS NULL THEN 'booked' ELSE 'superseded' END, i.customer, i.subscription, i.currency,
           CASE WHEN x.session IS NULL THEN i.amount_paid ELSE 0 END,
           CASE WHEN x.session IS NULL THEN i.amount_off_stripe ELSE 0 END, i.discount_amount, i.billing_reason, i.paid_at,
           coalesce(i.paid_at, i.created_at), NULL::text, 'sale.invoice',
           jsonb_strip_nulls(jsonb_build_object(
               'object', 'invoice', 'id', i.id, 'status', i.status, 'amount_paid', i.amount_paid,
               'amount_off_stripe', nullif(i.amount_off_stripe, 0), 'currency', i.currency, 'total', i.total,
               'billing_reason', i.billing_reason, 'subscription', i.subscription, 'session', x.session,
               'paid_at', extract(epoch FROM i.paid_at)::bigint, 'paid_at_basis', i.paid_at_basis))
      FROM (SELECT DISTINCT g.id FROM unnest(p_invoices) AS g (id)) AS g
     CROSS JOIN LATERAL (SELECT i.* FROM ledger.invoice AS i
                          WHERE i.account = p_account AND i.id = g.id AND i.status = 'paid' OFFSET 0) AS i
      LEFT JOIN LATERAL (SELECT s.id AS session FROM ledger.checkout_session AS s
                          WHERE s.account = i.account AND s.invoice = i.id AND s.mode = 'payment'
                            AND s.payment_status <> 'unpaid'
                          ORDER BY s.id COLLATE "C" LIMIT 1) AS x ON true
    UNION ALL
    SELECT s.id, 'one_time', 'booked', s.customer, NULL, s.currency, s.amount_total, 0, s.discount_amount, NULL,
           NULL, s.created_at, CASE WHEN s.customer IS NULL THEN coalesce(s.meta_user, s.client_reference_id) END,
           'sale.session',
           jsonb_strip_nulls(jsonb_build_object(
               'object', 'checkout.session', 'id', s.id, 'mode', s.mode, 'payment_status', s.payment_status,
               'amount_total', s.amount_total, 'currency', s.currency, 'invoice', s.invoice))
      FROM unnest(p_sessions) AS g (id)
     CROSS JOIN LATERAL (SELECT s.* FROM ledger.checkout_session AS s
                          WHERE s.account = p_account AND s.id = g.id AND s.mode = 'payment' AND s.payment_status = 'paid'
                         OFFSET 0) AS s
    UNION ALL
    SELECT c.id, 'charge', CASE WHEN c.sale = c.id THEN 'booked' ELSE 'superseded' END, c.customer, NULL, c.currency,
           CASE WHEN c.sale = c.id THEN c.amount_captured ELSE 0 END, 0, 0, NULL, NULL, c.created_at, NULL,
           'sale.charge',
           jsonb_strip_nulls(jsonb_build_object(
               'object', 'charge', 'id', c.id, 'status', c.status, 'amount_captured', c.amount_captured,
               'currency', c.currency, 'payment_intent', c.payment_intent, 'sale', nullif(c.sale, c.id)))
      FROM unnest(p_charges) AS g (id)
     CROSS JOIN LATERAL (SELECT c.* FROM ledger.charge AS c WHERE c.account = p_account AND c.id = g.id OFFSET 0) AS c
     WHERE c.sale IS NOT NULL
       AND (c.sale <> c.id OR c.status = 'succeeded' AND c.captured)
$$;
RESET ROLE;
