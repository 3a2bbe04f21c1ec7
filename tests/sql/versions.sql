-- Every field that moved between 2024-10-28.acacia and 2026-10-28.endive, in every shape: one table of cases per field.
BEGIN;
SELECT no_plan();

-- An expression as text: its value, or SQLSTATE and message.
CREATE FUNCTION pg_temp.read(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v text;
BEGIN
    EXECUTE 'SELECT (' || p_sql || ')::text' INTO v;
    RETURN v;
EXCEPTION WHEN SQLSTATE 'IS001' THEN
    RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
-- Several rows as one text: fields by spaces (null as -), rows by commas, in their order.
CREATE FUNCTION pg_temp.payments(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r.id, r.kind, coalesce(r.payment_intent, '-'), coalesce(r.charge, '-'),
                                coalesce(r.payment_record, '-'), r.status, r.amount_paid), ', ')
      FROM stripe.invoice_payments(p || '{"object": "invoice", "id": "in_1"}') AS r $$;
CREATE FUNCTION pg_temp.discounts(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(r.coupon, '-') || ' ' || coalesce(r.promotion_code, '-'), ', ')
      FROM stripe.discounts(p || '{"id": "x_1"}') AS r $$;
CREATE FUNCTION pg_temp.parts(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.to_balance, r.elsewhere, r.refunded)
      FROM stripe.credit_note_parts('{"object": "credit_note", "id": "cn_1"}' || p) AS r $$;
CREATE FUNCTION pg_temp.off(p jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT stripe.invoice_off_stripe('{"object": "invoice", "id": "in_1", "status": "paid", "amount_paid": 500}' || p)::text $$;

SELECT is(pg_temp.read(c.sql), c.want, 'payments of an invoice: ' || c.name) FROM (VALUES
    ('new: an intent', $$pg_temp.payments('{"payments": {"object": "list", "has_more": false, "data": [{"id": "inpay_1", "status": "paid", "amount_paid": 500, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$,
        'inpay_1 payment_intent pi_1 - - paid 500'),
    ('new: expanded', $$pg_temp.payments('{"payments": {"data": [{"id": "inpay_1", "status": "paid", "amount_paid": 500, "payment": {"type": "charge", "charge": {"object": "charge", "id": "ch_1"}}}]}}')$$,
        'inpay_1 charge - ch_1 - paid 500'),
    ('new: several, one tried', $$pg_temp.payments('{"payments": {"data": [{"id": "inpay_1", "status": "open", "amount_paid": null, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}, {"id": "inpay_2", "status": "paid", "amount_paid": 7, "payment": {"type": "payment_record", "payment_record": "pr_1"}}]}}')$$,
        'inpay_1 payment_intent pi_1 - - open 0, inpay_2 payment_record - - pr_1 paid 7'),
    ('new: none', $$pg_temp.payments('{"payments": {"data": []}}')$$, NULL),
    ('new: an unknown status is carried', $$pg_temp.payments('{"payments": {"data": [{"id": "inpay_1", "status": "dreaming", "amount_paid": null, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$,
        'inpay_1 payment_intent pi_1 - - dreaming 0'),
    ('new: an unknown kind', $$pg_temp.payments('{"payments": {"data": [{"object": "invoice_payment", "id": "inpay_1", "status": "paid", "amount_paid": 1, "payment": {"type": "barter"}}]}}')$$,
        'IS001: invoice_payment inpay_1: field payment.type is not understood (found string)'),
    ('new: the kind without its reference', $$pg_temp.payments('{"payments": {"data": [{"object": "invoice_payment", "id": "inpay_1", "status": "paid", "amount_paid": 1, "payment": {"type": "charge", "payment_intent": "pi_1"}}]}}')$$,
        'IS001: invoice_payment inpay_1: field payment.charge is missing'),
    ('new: null', $$pg_temp.payments('{"payments": null}')$$, 'IS001: invoice in_1: field payments is not understood (found null)'),
    ('new: only the first page', $$pg_temp.payments('{"payments": {"data": [], "has_more": true}}')$$,
        'IS001: invoice in_1: field payments is only its first page'),
    ('new: not expanded', $$pg_temp.payments('{}')$$, 'IS001: invoice in_1: field payments is missing'),
    ('old: paid by an intent', $$pg_temp.payments('{"status": "paid", "paid": true, "paid_out_of_band": false, "amount_paid": 500, "payment_intent": "pi_1", "charge": "ch_1"}')$$,
        'in_1 payment_intent pi_1 ch_1 - paid 500'),
    ('old: expanded', $$pg_temp.payments('{"status": "paid", "amount_paid": 500, "payment_intent": {"id": "pi_1"}, "charge": {"id": "ch_1"}}')$$,
        'in_1 payment_intent pi_1 ch_1 - paid 500'),
    ('old: a charge without intent', $$pg_temp.payments('{"status": "paid", "amount_paid": 500, "payment_intent": null, "charge": "ch_1"}')$$,
        'in_1 charge - ch_1 - paid 500'),
    ('old: not paid yet', $$pg_temp.payments('{"status": "open", "amount_paid": 0, "payment_intent": "pi_1", "charge": null}')$$,
        'in_1 payment_intent pi_1 - - open 0'),
    ('old: out of band', $$pg_temp.payments('{"status": "paid", "paid_out_of_band": true, "amount_paid": 500, "payment_intent": "pi_1", "charge": null}')$$,
        'in_1 payment_intent pi_1 - - canceled 0, in_1 payment_record - - - paid 500'),
    ('old: a draft has none', $$pg_temp.payments('{"status": "draft", "amount_paid": 0, "payment_intent": null, "charge": null}')$$, NULL),
    ('both: the new one counts', $$pg_temp.payments('{"payment_intent": "pi_old", "charge": null, "payments": {"data": []}}')$$, NULL),
    ('old: a number is no reference', $$pg_temp.payments('{"status": "paid", "payment_intent": 7, "charge": null}')$$,
        'IS001: invoice in_1: field payment_intent is not a whole number of 64 bits, or not expected to be a number')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'paid off Stripe: ' || c.name) FROM (VALUES
    ('2026-05-27: the field', $$pg_temp.off('{"amount_paid_off_stripe": 200, "payments": {"data": []}}')$$, '200'),
    ('2026-05-27: it needs no payments', $$pg_temp.off('{"amount_paid_off_stripe": 0}')$$, '0'),
    ('2026-05-27: never more than was paid', $$pg_temp.off('{"amount_paid_off_stripe": 900}')$$, '500'),
    ('2026-05-27: never less than nothing', $$pg_temp.off('{"amount_paid_off_stripe": -900}')$$, '0'),
    ('2026-05-27: a fraction', $$pg_temp.off('{"amount_paid_off_stripe": 1.5}')$$,
        'IS001: invoice in_1: field amount_paid_off_stripe is not a whole number of 64 bits, or not expected to be a number'),
    ('2025-10-29: a payment record', $$pg_temp.off('{"payments": {"data": [{"id": "inpay_1", "status": "paid", "amount_paid": 300, "payment": {"type": "payment_record", "payment_record": "pr_1"}}, {"id": "inpay_2", "status": "paid", "amount_paid": 200, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$, '300'),
    ('2025-10-29: one that was not paid', $$pg_temp.off('{"payments": {"data": [{"id": "inpay_1", "status": "canceled", "amount_paid": 300, "payment": {"type": "payment_record", "payment_record": "pr_1"}}, {"id": "inpay_2", "status": "paid", "amount_paid": 500, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$, '0'),
    ('2025-10-29: null says as little as absent', $$pg_temp.off('{"amount_paid_off_stripe": null, "payments": {"data": [{"id": "inpay_1", "status": "paid", "amount_paid": 300, "payment": {"type": "payment_record", "payment_record": "pr_1"}}]}}')$$, '300'),
    ('2025-03-31: what no payment accounts for', $$pg_temp.off('{"payments": {"data": [{"id": "inpay_1", "status": "canceled", "amount_paid": null, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$, '500'),
    ('2025-03-31: paid by card', $$pg_temp.off('{"payments": {"data": [{"id": "inpay_1", "status": "paid", "amount_paid": 500, "payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]}}')$$, '0'),
    ('2025-03-31: a part paid, not all yet', $$pg_temp.off('{"status": "open", "payments": {"data": []}}')$$, '0'),
    ('old: out of band', $$pg_temp.off('{"paid_out_of_band": true, "payment_intent": null, "charge": null}')$$, '500'),
    ('old: not out of band', $$pg_temp.off('{"paid_out_of_band": false, "payment_intent": "pi_1", "charge": "ch_1"}')$$, '0'),
    ('old: neither true nor false', $$pg_temp.off('{"paid_out_of_band": "yes", "payment_intent": null, "charge": null}')$$,
        'IS001: invoice in_1: field paid_out_of_band is not understood (found string)'),
    ('nothing paid needs no payments', $$pg_temp.off('{"amount_paid": 0}')$$, '0'),
    ('paid, and nobody says how', $$pg_temp.off('{}')$$, 'IS001: invoice in_1: field payments is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'parts of a credit note (balance, elsewhere, refunded): ' || c.name) FROM (VALUES
    ('new: to the balance', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": "cbtxn_1", "refunds": []}')$$, '500 0 0'),
    ('new: the transaction expanded', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": {"id": "cbtxn_1"}, "refunds": []}')$$, '500 0 0'),
    ('new: refunded', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": [{"type": "refund", "refund": "re_1", "amount_refunded": 500}]}')$$, '0 0 500'),
    ('new: all three', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": 100, "customer_balance_transaction": "cbtxn_1", "refunds": [{"type": "refund", "refund": {"id": "re_1"}, "amount_refunded": 150}, {"type": "payment_record_refund", "payment_record_refund": {"payment_record": "pr_1"}, "amount_refunded": 50}]}')$$, '200 150 150'),
    ('new: a refund from before it had a type', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": [{"refund": "re_1", "amount_refunded": 500}]}')$$, '0 0 500'),
    ('new: off an unpaid invoice', $$pg_temp.parts('{"type": "pre_payment", "amount": 500, "post_payment_amount": 0, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": []}')$$, '0 0 0'),
    ('new: refunds null', $$pg_temp.parts('{"post_payment_amount": 5, "out_of_band_amount": null, "customer_balance_transaction": "cbtxn_1", "refunds": null}')$$, '5 0 0'),
    ('new: a refund of an unknown type', $$pg_temp.parts('{"post_payment_amount": 5, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": [{"type": "apology", "amount_refunded": 5}]}')$$,
        'IS001: credit_note cn_1: field refunds[].type is not understood (found string)'),
    ('new: a refund without amount', $$pg_temp.parts('{"post_payment_amount": 5, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": [{"type": "refund", "refund": "re_1"}]}')$$,
        'IS001: credit_note cn_1: field refunds[].amount_refunded is missing'),
    ('old: refunded', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refund": "re_1"}')$$, '0 0 500'),
    ('old: the refund expanded', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": 100, "customer_balance_transaction": "cbtxn_1", "refund": {"id": "re_1", "amount": 150}}')$$, '250 100 150'),
    ('old: the transaction expanded', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": 100, "customer_balance_transaction": {"id": "cbtxn_1", "amount": -250}, "refund": "re_1"}')$$, '250 100 150'),
    ('old: the transaction expanded, by which nothing was refunded', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": {"id": "cbtxn_1", "amount": -500}, "refund": null}')$$, '500 0 0'),
    ('old: to the balance', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": "cbtxn_1", "refund": null}')$$, '500 0 0'),
    ('old: off an unpaid invoice', $$pg_temp.parts('{"type": "pre_payment", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refund": null}')$$, '0 0 0'),
    ('old: refund and balance, neither says how much', $$pg_temp.parts('{"type": "post_payment", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": "cbtxn_1", "refund": "re_1"}')$$,
        'IS001: credit_note cn_1: field refund.amount is missing'),
    ('both: the new one counts', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refund": "re_1", "refunds": []}')$$, '0 0 0'),
    ('neither refunds nor refund', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null}')$$,
        'IS001: credit_note cn_1: field refunds is missing'),
    ('mixed, and no amount after payment', $$pg_temp.parts('{"type": "mixed", "amount": 500, "out_of_band_amount": null, "customer_balance_transaction": null, "refunds": []}')$$,
        'IS001: credit_note cn_1: field post_payment_amount is missing'),
    ('no word of the balance', $$pg_temp.parts('{"post_payment_amount": 500, "out_of_band_amount": null, "refunds": []}')$$,
        'IS001: credit_note cn_1: field customer_balance_transaction is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'discounts: ' || c.name) FROM (VALUES
    ('clover: source.coupon', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1", "source": {"type": "coupon", "coupon": "SPRING"}, "promotion_code": "promo_1"}]}')$$, 'SPRING promo_1'),
    ('clover: both expanded', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1", "source": {"type": "coupon", "coupon": {"object": "coupon", "id": "SPRING"}}, "promotion_code": {"id": "promo_1"}}]}')$$, 'SPRING promo_1'),
    ('clover: a source of an unknown type', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1", "source": {"type": "loyalty"}}]}')$$,
        'IS001: discount di_1: field source.type is not understood (found string)'),
    ('clover: a source without coupon', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1", "source": {"type": "coupon", "coupon": null}}]}')$$,
        'IS001: discount di_1: field source.coupon is not understood (found null)'),
    ('basil: coupon', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1", "coupon": {"object": "coupon", "id": "SPRING"}, "promotion_code": null}]}')$$, 'SPRING -'),
    ('basil: several, sorted, each once', $$pg_temp.discounts('{"object": "invoice", "discounts": [{"coupon": {"id": "b"}, "promotion_code": null}, {"coupon": {"id": "B"}, "promotion_code": "promo_1"}, {"coupon": {"id": "b"}, "promotion_code": null}]}')$$, 'B promo_1, b -'),
    ('neither coupon nor source', $$pg_temp.discounts('{"object": "subscription", "discounts": [{"object": "discount", "id": "di_1"}]}')$$,
        'IS001: discount di_1: field source.type is missing'),
    ('none', $$pg_temp.discounts('{"object": "subscription", "discounts": []}')$$, NULL),
    ('null', $$pg_temp.discounts('{"object": "invoice", "discounts": null}')$$, NULL),
    ('only an id', $$pg_temp.discounts('{"object": "subscription", "discounts": ["di_1"]}')$$,
        'IS001: subscription x_1: field discounts[] is not understood (found string)'),
    ('acacia: an id that discount shows whole', $$pg_temp.discounts('{"object": "subscription", "discounts": ["di_1"], "discount": {"object": "discount", "id": "di_1", "coupon": {"id": "SPRING"}, "promotion_code": null}}')$$, 'SPRING -'),
    ('acacia: an id that it does not', $$pg_temp.discounts('{"object": "subscription", "discounts": ["di_1", "di_2"], "discount": {"object": "discount", "id": "di_1", "coupon": {"id": "SPRING"}}}')$$,
        'IS001: subscription x_1: field discounts[] is not understood (found string)'),
    ('old: discount', $$pg_temp.discounts('{"object": "subscription", "discount": {"object": "discount", "id": "di_1", "coupon": {"id": "SPRING"}, "promotion_code": "promo_1"}}')$$, 'SPRING promo_1'),
    ('old: null', $$pg_temp.discounts('{"object": "subscription", "discount": null}')$$, NULL),
    ('old: only an id', $$pg_temp.discounts('{"object": "subscription", "discount": "di_1"}')$$,
        'IS001: subscription x_1: field discount[] is not understood (found string)'),
    ('a customer''s', $$pg_temp.discounts('{"object": "customer", "discount": {"object": "discount", "id": "di_1", "source": {"type": "coupon", "coupon": "SPRING"}, "promotion_code": null}}')$$, 'SPRING -'),
    ('a deleted customer''s', $$pg_temp.discounts('{"object": "customer", "deleted": true}')$$, NULL),
    ('neither', $$pg_temp.discounts('{"object": "invoice"}')$$, 'IS001: invoice x_1: field discounts is missing'),
    ('a session names both', $$pg_temp.discounts('{"object": "checkout.session", "discounts": [{"coupon": "SPRING", "promotion_code": null}, {"coupon": null, "promotion_code": "promo_1"}, {"coupon": {"id": "FALL"}, "promotion_code": {"id": "promo_2"}}]}')$$,
        'FALL promo_2, SPRING -, - promo_1'),
    ('a session that names nothing', $$pg_temp.discounts('{"object": "checkout.session", "discounts": [{"coupon": null, "promotion_code": null}]}')$$,
        'IS001: checkout.session x_1: field discounts[].coupon is not understood (found null)'),
    ('a session of 2024: the breakdown', $$pg_temp.discounts('{"object": "checkout.session", "total_details": {"amount_discount": 5, "breakdown": {"discounts": [{"amount": 5, "discount": {"object": "discount", "id": "di_1", "coupon": {"id": "SPRING"}, "promotion_code": "promo_1"}}]}}}')$$, 'SPRING promo_1'),
    ('a session of 2024 without discount', $$pg_temp.discounts('{"object": "checkout.session", "total_details": {"amount_discount": 0}}')$$, NULL),
    ('a session of 2024 without breakdown', $$pg_temp.discounts('{"object": "checkout.session", "total_details": {"amount_discount": 5}}')$$,
        'IS001: checkout.session x_1: field discounts is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'invoice of a charge: ' || c.name) FROM (VALUES
    ('new: the field is gone', $$stripe.charge_invoice('{"object": "charge", "id": "ch_1"}')$$, NULL),
    ('old: an id', $$stripe.charge_invoice('{"object": "charge", "id": "ch_1", "invoice": "in_1"}')$$, 'in_1'),
    ('old: expanded', $$stripe.charge_invoice('{"object": "payment_intent", "id": "pi_1", "invoice": {"id": "in_1"}}')$$, 'in_1'),
    ('old: none', $$stripe.charge_invoice('{"object": "charge", "id": "ch_1", "invoice": null}')$$, NULL),
    ('a list', $$stripe.charge_invoice('{"object": "charge", "id": "ch_1", "invoice": ["in_1"]}')$$,
        'IS001: charge ch_1: field invoice is not understood (found array)')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'price of a line: ' || c.name) FROM (VALUES
    ('new: an id', $$stripe.price_of_line('{"pricing": {"type": "price_details", "price_details": {"price": "price_1", "product": "prod_1"}}}')$$, 'price_1'),
    ('new: expanded (2025-12-15)', $$stripe.price_of_line('{"pricing": {"type": "price_details", "price_details": {"price": {"id": "price_1"}}}}')$$, 'price_1'),
    ('new: null', $$stripe.price_of_line('{"pricing": null}')$$, NULL),
    ('new: an unknown type', $$stripe.price_of_line('{"object": "line_item", "id": "il_1", "pricing": {"type": "rate_card_rate_details"}}')$$,
        'IS001: line_item il_1: field pricing.type is not understood (found string)'),
    ('new: no price in it', $$stripe.price_of_line('{"object": "line_item", "id": "il_1", "pricing": {"type": "price_details", "price_details": {}}}')$$,
        'IS001: line_item il_1: field pricing.price_details.price is missing'),
    ('old: the object', $$stripe.price_of_line('{"price": {"object": "price", "id": "price_1"}}')$$, 'price_1'),
    ('old: null', $$stripe.price_of_line('{"price": null}')$$, NULL),
    ('both: the new one counts', $$stripe.price_of_line('{"price": {"id": "price_old"}, "pricing": {"type": "price_details", "price_details": {"price": "price_1"}}}')$$, 'price_1'),
    ('neither', $$stripe.price_of_line('{"object": "line_item", "id": "il_1"}')$$, 'IS001: line_item il_1: field pricing is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'customer: ' || c.name) FROM (VALUES
    ('a refund since 2026-07-29', $$stripe.customer_of('{"object": "refund", "id": "re_1", "customer": "cus_1"}')$$, 'cus_1'),
    ('a refund before', $$stripe.customer_of('{"object": "refund", "id": "re_1"}')$$, NULL),
    ('a guest''s refund', $$stripe.customer_of('{"object": "refund", "id": "re_1", "customer": null}')$$, NULL),
    ('a dispute', $$stripe.customer_of('{"object": "dispute", "id": "dp_1"}')$$, NULL),
    ('an invoice payment', $$stripe.customer_of('{"object": "invoice_payment", "id": "inpay_1"}')$$, NULL),
    ('a coupon', $$stripe.customer_of('{"object": "coupon", "id": "SPRING"}')$$, NULL),
    ('a promotion code for anybody', $$stripe.customer_of('{"object": "promotion_code", "id": "promo_1", "customer": null}')$$, NULL),
    ('a promotion code for one', $$stripe.customer_of('{"object": "promotion_code", "id": "promo_1", "customer": {"id": "cus_1"}}')$$, 'cus_1'),
    ('a charge without the field', $$stripe.customer_of('{"object": "charge", "id": "ch_1"}')$$, 'IS001: charge ch_1: field customer is missing'),
    ('a credit note', $$stripe.customer_of('{"object": "credit_note", "id": "cn_1", "customer": "cus_1"}')$$, 'cus_1'),
    ('an object of no kind', $$stripe.customer_of('{"id": "x_1"}')$$, 'IS001: object x_1: field customer is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'tax: ' || c.name) FROM (VALUES
    ('new: total_taxes', $$stripe.tax_amount('{"object": "invoice", "total_taxes": [{"amount": 100}, {"amount": 23}]}')$$, '123'),
    ('new: none', $$stripe.tax_amount('{"object": "invoice", "total_taxes": []}')$$, '0'),
    ('new: null', $$stripe.tax_amount('{"object": "invoice", "total_taxes": null}')$$, '0'),
    ('new: a line''s', $$stripe.tax_amount('{"object": "line_item", "taxes": [{"amount": 7}]}')$$, '7'),
    ('new: a credit note''s', $$stripe.tax_amount('{"object": "credit_note", "total_taxes": [{"amount": 7}]}')$$, '7'),
    ('new: a fraction', $$stripe.tax_amount('{"object": "invoice", "id": "in_1", "total_taxes": [{"amount": 0.5}]}')$$,
        'IS001: invoice in_1: field total_taxes[].amount is not a whole number of 64 bits, or not expected to be a number'),
    ('new: no amount', $$stripe.tax_amount('{"object": "invoice", "id": "in_1", "total_taxes": [{}]}')$$, 'IS001: invoice in_1: field total_taxes[].amount is missing'),
    ('new: more than 64 bits together', $$stripe.tax_amount('{"object": "invoice", "id": "in_1", "total_taxes": [{"amount": 9223372036854775807}, {"amount": 1}]}')$$,
        'IS001: invoice in_1: field total_taxes is not a whole number of 64 bits, or not expected to be a number'),
    ('old: total_tax_amounts', $$stripe.tax_amount('{"object": "invoice", "tax": 999, "total_tax_amounts": [{"amount": 100}, {"amount": 23}]}')$$, '123'),
    ('old: tax', $$stripe.tax_amount('{"object": "invoice", "tax": 123}')$$, '123'),
    ('old: tax null', $$stripe.tax_amount('{"object": "invoice", "tax": null}')$$, '0'),
    ('old: a line''s', $$stripe.tax_amount('{"object": "line_item", "tax_amounts": [{"amount": 7}]}')$$, '7'),
    ('old: a credit note''s', $$stripe.tax_amount('{"object": "credit_note", "tax_amounts": [{"amount": 7}]}')$$, '7'),
    ('both: the new one counts', $$stripe.tax_amount('{"object": "invoice", "tax": 5, "total_tax_amounts": [{"amount": 5}], "total_taxes": [{"amount": 6}]}')$$, '6'),
    ('a session''s', $$stripe.tax_amount('{"object": "checkout.session", "total_details": {"amount_tax": 9}}')$$, '9'),
    ('a session without details', $$stripe.tax_amount('{"object": "checkout.session", "total_details": null}')$$, '0'),
    ('a session without the field', $$stripe.tax_amount('{"object": "checkout.session", "id": "cs_1"}')$$, 'IS001: checkout.session cs_1: field total_details is missing'),
    ('none of them', $$stripe.tax_amount('{"object": "invoice", "id": "in_1"}')$$, 'IS001: invoice in_1: field total_taxes is missing'),
    ('none of them, on a line', $$stripe.tax_amount('{"object": "line_item", "id": "il_1"}')$$, 'IS001: line_item il_1: field taxes is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'discounted by: ' || c.name) FROM (VALUES
    ('a line', $$stripe.discount_amount('{"object": "line_item", "discount_amounts": [{"amount": 100, "discount": "di_1"}]}')$$, '100'),
    ('a credit note', $$stripe.discount_amount('{"object": "credit_note", "discount_amounts": []}')$$, '0'),
    ('an invoice without the field', $$stripe.discount_amount('{"object": "invoice", "id": "in_1"}')$$, 'IS001: invoice in_1: field total_discount_amounts is missing'),
    ('a session without the field', $$stripe.discount_amount('{"object": "checkout.session", "id": "cs_1"}')$$, 'IS001: checkout.session cs_1: field total_details is missing'),
    ('a session whose details lack it', $$stripe.discount_amount('{"object": "checkout.session", "id": "cs_1", "total_details": {}}')$$,
        'IS001: checkout.session cs_1: field total_details.amount_discount is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(replace(c.sql, 'X', c.object)), c.want, 'a line''s ' || c.name) FROM (VALUES
    ('subscription, new: of an item', $$stripe.line_subscription('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"subscription": "sub_1", "subscription_item": "si_1", "proration": false}}}', 'sub_1'),
    ('subscription, new: expanded', $$stripe.line_subscription('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"subscription": {"id": "sub_1"}, "proration": false}}}', 'sub_1'),
    ('subscription, new: of an invoice item', $$stripe.line_subscription('X')$$, '{"parent": {"type": "invoice_item_details", "invoice_item_details": {"subscription": null, "invoice_item": "ii_1", "proration": false}}, "subscription": null}', NULL),
    ('subscription, new: only on the line', $$stripe.line_subscription('X')$$, '{"parent": {"type": "invoice_item_details", "invoice_item_details": {"invoice_item": "ii_1"}}, "subscription": "sub_1"}', 'sub_1'),
    ('subscription, new: an invoice item''s own', $$stripe.line_subscription('X')$$, '{"object": "invoiceitem", "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "subscription_item": "si_1"}}, "proration": true}', 'sub_1'),
    ('subscription, new: parent null', $$stripe.line_subscription('X')$$, '{"parent": null, "subscription": null}', NULL),
    ('subscription, new: a parent of an unknown type', $$stripe.line_subscription('X')$$, '{"object": "line_item", "id": "il_1", "parent": {"type": "rate_card"}}', 'IS001: line_item il_1: field parent.type is not understood (found string)'),
    ('subscription, new: its details missing', $$stripe.line_subscription('X')$$, '{"object": "line_item", "id": "il_1", "parent": {"type": "invoice_item_details"}}', 'IS001: line_item il_1: field parent.invoice_item_details is missing'),
    ('subscription, old', $$stripe.line_subscription('X')$$, '{"subscription": "sub_1", "proration": false}', 'sub_1'),
    ('subscription, old: expanded', $$stripe.line_subscription('X')$$, '{"subscription": {"id": "sub_1"}, "proration": false}', 'sub_1'),
    ('subscription, old: null', $$stripe.line_subscription('X')$$, '{"subscription": null, "proration": false}', NULL),
    ('subscription, neither', $$stripe.line_subscription('X')$$, '{"object": "line_item", "id": "il_1"}', 'IS001: line_item il_1: field parent is missing'),
    ('subscription, a number', $$stripe.line_subscription('X')$$, '{"object": "line_item", "id": "il_1", "subscription": 7, "proration": false}', 'IS001: line_item il_1: field parent.subscription is not a whole number of 64 bits, or not expected to be a number'),
    ('item, new', $$stripe.line_subscription_item('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"subscription_item": "si_1"}}}', 'si_1'),
    ('item, new: expanded', $$stripe.line_subscription_item('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"subscription_item": {"id": "si_1"}}}}', 'si_1'),
    ('item, new: none', $$stripe.line_subscription_item('X')$$, '{"parent": {"type": "invoice_item_details", "invoice_item_details": {"invoice_item": "ii_1"}}}', NULL),
    ('item, old', $$stripe.line_subscription_item('X')$$, '{"subscription_item": "si_1", "proration": false}', 'si_1'),
    ('item, old: absent is none', $$stripe.line_subscription_item('X')$$, '{"proration": false}', NULL),
    ('item, neither', $$stripe.line_subscription_item('X')$$, '{"object": "line_item", "id": "il_1"}', 'IS001: line_item il_1: field parent is missing'),
    ('proration, new', $$stripe.line_proration('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true}}}', 'true'),
    ('proration, new: of an invoice item', $$stripe.line_proration('X')$$, '{"parent": {"type": "invoice_item_details", "invoice_item_details": {"proration": false}}}', 'false'),
    ('proration, new: an invoice item''s own', $$stripe.line_proration('X')$$, '{"object": "invoiceitem", "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}, "proration": true}', 'true'),
    ('proration, new: parent null', $$stripe.line_proration('X')$$, '{"parent": null}', 'false'),
    ('proration, new: null', $$stripe.line_proration('X')$$, '{"object": "line_item", "id": "il_1", "parent": {"type": "invoice_item_details", "invoice_item_details": {"proration": null}}}', 'IS001: line_item il_1: field parent.proration is not understood (found null)'),
    ('proration, new: absent', $$stripe.line_proration('X')$$, '{"object": "line_item", "id": "il_1", "parent": {"type": "invoice_item_details", "invoice_item_details": {}}}', 'IS001: line_item il_1: field parent.proration is missing'),
    ('proration, old', $$stripe.line_proration('X')$$, '{"proration": true}', 'true'),
    ('proration, old: a string', $$stripe.line_proration('X')$$, '{"object": "line_item", "id": "il_1", "proration": "true"}', 'IS001: line_item il_1: field parent.proration is not understood (found string)'),
    ('proration, both: the new one counts', $$stripe.line_proration('X')$$, '{"parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": true}}, "proration": false}', 'true'),
    ('proration, neither', $$stripe.line_proration('X')$$, '{"object": "line_item", "id": "il_1"}', 'IS001: line_item il_1: field parent is missing')
) AS c (name, sql, object, want);

SELECT is(pg_temp.read(c.sql), c.want, 'the subscription''s metadata on an invoice: ' || c.name) FROM (VALUES
    ('new', $$stripe.invoice_subscription_metadata('{"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "metadata": {"partner_ref": "acme"}}}}')$$, '{"partner_ref": "acme"}'),
    ('new: null on a draft', $$stripe.invoice_subscription_metadata('{"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "metadata": null}}}')$$, '{}'),
    ('new: a one-off invoice', $$stripe.invoice_subscription_metadata('{"parent": null}')$$, '{}'),
    ('new: a quote''s', $$stripe.invoice_subscription_metadata('{"parent": {"type": "quote_details", "quote_details": {"quote": "qt_1"}}}')$$, '{}'),
    ('new: absent', $$stripe.invoice_subscription_metadata('{"object": "invoice", "id": "in_1", "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}}')$$,
        'IS001: invoice in_1: field parent.subscription_details.metadata is missing'),
    ('old', $$stripe.invoice_subscription_metadata('{"subscription": "sub_1", "subscription_details": {"metadata": {"partner_ref": "acme"}}}')$$, '{"partner_ref": "acme"}'),
    ('old: null', $$stripe.invoice_subscription_metadata('{"subscription": "sub_1", "subscription_details": {"metadata": null}}')$$, '{}'),
    ('old: a one-off invoice', $$stripe.invoice_subscription_metadata('{"subscription": null, "subscription_details": null}')$$, '{}'),
    ('old: a list', $$stripe.invoice_subscription_metadata('{"object": "invoice", "id": "in_1", "subscription": "sub_1", "subscription_details": {"metadata": []}}')$$,
        'IS001: invoice in_1: field subscription_details.metadata is not understood (found array)'),
    ('neither', $$stripe.invoice_subscription_metadata('{"object": "invoice", "id": "in_1", "subscription": "sub_1"}')$$,
        'IS001: invoice in_1: field subscription_details.metadata is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, 'coupon of a promotion code: ' || c.name) FROM (VALUES
    ('new', $$stripe.promotion_coupon('{"promotion": {"type": "coupon", "coupon": "SPRING"}}') #>> '{}'$$, 'SPRING'),
    ('new: expanded', $$stripe.promotion_coupon('{"promotion": {"type": "coupon", "coupon": {"id": "SPRING"}}}') ->> 'id'$$, 'SPRING'),
    ('new: null', $$stripe.promotion_coupon('{"object": "promotion_code", "id": "promo_1", "promotion": {"type": "coupon", "coupon": null}}')$$,
        'IS001: promotion_code promo_1: field promotion.coupon is not understood (found null)'),
    ('new: of an unknown type', $$stripe.promotion_coupon('{"object": "promotion_code", "id": "promo_1", "promotion": {"type": "gift"}}')$$,
        'IS001: promotion_code promo_1: field promotion.type is not understood (found string)'),
    ('old', $$stripe.promotion_coupon('{"coupon": {"object": "coupon", "id": "SPRING"}}') ->> 'id'$$, 'SPRING'),
    ('old: null', $$stripe.promotion_coupon('{"object": "promotion_code", "id": "promo_1", "coupon": null}')$$,
        'IS001: promotion_code promo_1: field coupon is not understood (found null)'),
    ('both: the new one counts', $$stripe.promotion_coupon('{"coupon": {"id": "OLD"}, "promotion": {"type": "coupon", "coupon": "SPRING"}}') #>> '{}'$$, 'SPRING'),
    ('neither', $$stripe.promotion_coupon('{"object": "promotion_code", "id": "promo_1"}')$$,
        'IS001: promotion_code promo_1: field promotion.type is missing')
) AS c (name, sql, want);

SELECT is(pg_temp.read(c.sql), c.want, c.name) FROM (VALUES
    ('pause of collection: none', $$stripe.pause_behavior('{"pause_collection": null}')$$, NULL),
    ('pause of collection: how', $$stripe.pause_behavior('{"pause_collection": {"behavior": "void", "resumes_at": null}}')$$, 'void'),
    ('pause of collection: an unknown behavior is carried', $$stripe.pause_behavior('{"pause_collection": {"behavior": "shrug"}}')$$, 'shrug'),
    ('pause of collection: absent', $$stripe.pause_behavior('{"object": "subscription", "id": "sub_1"}')$$, 'IS001: subscription sub_1: field pause_collection is missing'),
    ('pause of collection: no behavior', $$stripe.pause_behavior('{"object": "subscription", "id": "sub_1", "pause_collection": {}}')$$, 'IS001: subscription sub_1: field pause_collection is not understood (found object)'),
    ('billing reason', $$stripe.word_or_null('{"billing_reason": "subscription_cycle"}', 'billing_reason')$$, 'subscription_cycle'),
    ('billing reason: null', $$stripe.word_or_null('{"billing_reason": null}', 'billing_reason')$$, NULL),
    ('billing reason: an unknown one is carried', $$stripe.word_or_null('{"billing_reason": "whim"}', 'billing_reason')$$, 'whim'),
    ('billing reason: absent', $$stripe.word_or_null('{"object": "invoice", "id": "in_1"}', 'billing_reason')$$, 'IS001: invoice in_1: field billing_reason is missing'),
    ('a percentage', $$stripe.percent('{}', '12.50', 'percent_off')$$, '12.5'),
    ('a percentage of many decimals', $$stripe.percent('{}', '33.333333333333', 'percent_off')$$, '33.333333333333'),
    ('a percentage of too many', $$stripe.percent('{"object": "coupon", "id": "x"}', '33.3333333333333', 'percent_off')$$, 'IS001: coupon x: field percent_off is not a percentage'),
    ('a percentage of a thousand', $$stripe.percent('{"object": "coupon", "id": "x"}', '1000', 'percent_off')$$, 'IS001: coupon x: field percent_off is not a percentage'),
    ('a reference may be null', $$stripe.reference('{"invoice": null}', 'invoice')$$, NULL),
    ('but not absent', $$stripe.reference('{"object": "checkout.session", "id": "cs_1"}', 'invoice')$$, 'IS001: checkout.session cs_1: field invoice is missing'),
    ('a list holds an object once', $$stripe.whole_list('{"object": "invoice", "id": "in_1"}', '{"data": [{"id": "a"}, {"id": "a"}], "has_more": false}', 'payments')$$, 'IS001: invoice in_1: field payments holds an object twice'),
    ('a list says whether there is more', $$stripe.whole_list('{"object": "invoice", "id": "in_1"}', '{"data": [], "has_more": "no"}', 'payments')$$, 'IS001: invoice in_1: field payments is only its first page'),
    ('a list is no array', $$stripe.whole_list('{"object": "invoice", "id": "in_1"}', '[]', 'payments')$$, 'IS001: invoice in_1: field payments is not understood (found array)'),
    ('a list has data', $$stripe.whole_list('{"object": "invoice", "id": "in_1"}', '{"object": "list"}', 'payments')$$, 'IS001: invoice in_1: field payments.data is missing'),
    ('members are objects', $$stripe.members('{"object": "invoice", "id": "in_1"}', '[{}, 7]', 'refunds')$$, 'IS001: invoice in_1: field refunds[] is not a whole number of 64 bits, or not expected to be a number')
) AS c (name, sql, want);

SELECT is(stripe.event_relevant(c.type), c.want, 'an event of type ' || c.type || CASE WHEN c.want THEN ' matters' ELSE ' does not' END) FROM (VALUES
    ('charge.succeeded', true), ('charge.dispute.funds_withdrawn', true), ('charge.refund.updated', true), ('refund.failed', true),
    ('credit_note.voided', true), ('payment_intent.succeeded', true), ('payment_intent.created', false), ('invoice_payment.paid', true),
    ('invoice_payment.detached', true), ('customer.discount.created', true), ('customer.source.created', false), ('coupon.deleted', true),
    ('promotion_code.updated', true), ('product.deleted', true), ('plan.created', true), ('subscription_schedule.released', true),
    ('v1.charge.dispute.closed', true), ('v1.customer.discount.source_changed', true), ('instep.look', true), ('billing_portal.session.created', false),
    ('setup_intent.succeeded', false), ('radar.early_fraud_warning.created', false)) AS c (type, want);

SELECT * FROM finish();
ROLLBACK;
