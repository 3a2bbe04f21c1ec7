-- ledger.mirror_invoice_lines: which item was billed for which period, as the lines of these invoices say.
--   p_invoices  array of invoice objects. One without lines says nothing of them
--   p_context   of ledger.apply_turn
--   A list that is whole replaces what was known of the invoice: a draft loses lines. One that is cut short (has_more) adds to it.
--   Prices of lines, and their products, are read by the worker in the same turn (worker/catalogue.h).
--   Shapes      as the stripe.line_… readers and stripe.price_of_line
--   Locks       lines that change, by invoice; the caller holds the customer's row
--   Errors      IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_invoice_lines(p_invoices jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_invoice jsonb;
    v_lines jsonb;
    v record;
BEGIN
    FOR v_invoice IN SELECT i.value FROM jsonb_array_elements(p_invoices) AS i
                      WHERE i.value ? 'lines' ORDER BY i.value ->> 'id' COLLATE "C" LOOP
        v_lines := stripe.first_lines(v_invoice);
        FOR v IN
            SELECT n.*
              FROM (SELECT stripe.word(l.value, 'id') AS id, stripe.line_subscription(l.value) AS subscription,
                           stripe.line_subscription_item(l.value) AS item, stripe.price_of_line(l.value) AS price_id,
                           stripe.whole_if_any(l.value, 'quantity') AS quantity,
                           stripe.whole(l.value, l.value -> 'amount', 'amount') AS amount,
                           stripe.line_proration(l.value) AS proration,
                           stripe.moment_of_line(l.value, 'start') AS period_start,
                           stripe.moment_of_line(l.value, 'end') AS period_end
                      FROM jsonb_array_elements(v_lines) AS l) AS n
             CROSS JOIN LATERAL (SELECT (SELECT o FROM ledger.invoice_line AS o
                                          WHERE o.account = v_account AND o.invoice = v_invoice ->> 'id' AND o.id = n.id)) AS x (o)
             WHERE ((x.o).subscription, (x.o).item, (x.o).price_id, (x.o).quantity, (x.o).amount, (x.o).proration,
                    (x.o).period_start, (x.o).period_end)
                   IS DISTINCT FROM
                   (n.subscription, n.item, n.price_id, n.quantity, n.amount, n.proration, n.period_start, n.period_end)
             ORDER BY n.id COLLATE "C"
        LOOP
            INSERT INTO ledger.invoice_line AS l
                (account, invoice, id, subscription, item, price_id, quantity, amount, proration, period_start, period_end)
            VALUES (v_account, v_invoice ->> 'id', v.id, v.subscription, v.item, v.price_id, v.quantity, v.amount,
                    v.proration, v.period_start, v.period_end)
            ON CONFLICT (account, invoice, id) DO UPDATE
               SET subscription = EXCLUDED.subscription, item = EXCLUDED.item, price_id = EXCLUDED.price_id,
                   quantity = EXCLUDED.quantity, amount = EXCLUDED.amount, proration = EXCLUDED.proration,
                   period_start = EXCLUDED.period_start, period_end = EXCLUDED.period_end;
        END LOOP;
        IF v_invoice #> '{lines,has_more}' = 'false' THEN
            DELETE FROM ledger.invoice_line AS l
             WHERE l.account = v_account AND l.invoice = v_invoice ->> 'id'
               AND l.id <> ALL (ARRAY(SELECT n.value ->> 'id' FROM jsonb_array_elements(v_lines) AS n));
        END IF;
    END LOOP;
END
$$;
RESET ROLE;
