-- The same facts in the words of every API version, whole objects as Stripe renders them: one ledger.
BEGIN;
SELECT no_plan();

CREATE FUNCTION pg_temp.list(p_data jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'list', 'has_more', false, 'url', '/v1/x', 'data', p_data) $$;
CREATE FUNCTION pg_temp.coupon() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'coupon', 'id', 'SPRING', 'name', 'Spring', 'percent_off', 12.5, 'amount_off', NULL, 'currency', NULL, 'duration', 'repeating',
        'duration_in_months', 3, 'redeem_by', NULL, 'valid', true, 'times_redeemed', 1, 'max_redemptions', NULL, 'livemode', false, 'created', t.day(0), 'metadata', '{"partner_ref": "acme"}'::jsonb) $$;
CREATE FUNCTION pg_temp.txn(p_id text, p_amount bigint, p_fee bigint, p_day numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'balance_transaction', 'id', p_id, 'amount', p_amount, 'fee', p_fee, 'net', p_amount - p_fee, 'currency', 'usd', 'exchange_rate', NULL,
        'type', CASE WHEN p_amount > 0 THEN 'charge' ELSE 'adjustment' END, 'status', 'available', 'created', t.day(p_day), 'available_on', t.day(p_day + 2)) $$;
CREATE FUNCTION pg_temp.refund() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'refund', 'id', 're_1', 'amount', 400, 'currency', 'usd', 'charge', 'ch_1', 'payment_intent', 'pi_1', 'status', 'succeeded', 'reason', NULL,
        'receipt_number', NULL, 'balance_transaction', 'txn_re_1', 'created', t.day(40), 'metadata', '{}'::jsonb, 'customer', 'cus_v', 'customer_account', NULL, 'payment_method', 'pm_1') $$;
CREATE FUNCTION pg_temp.charge(p_id text, p_intent text, p_amount bigint, p_day numeric, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'charge', 'id', p_id, 'amount', p_amount, 'amount_captured', p_amount, 'amount_refunded', 0, 'captured', true, 'currency', 'usd', 'customer', 'cus_v',
        'disputed', false, 'failure_code', NULL, 'failure_message', NULL, 'livemode', false, 'metadata', '{}'::jsonb, 'paid', true, 'payment_intent', p_intent, 'refunded', false,
        'refunds', pg_temp.list('[]'), 'status', 'succeeded', 'created', t.day(p_day), 'balance_transaction', pg_temp.txn('txn_' || p_id, p_amount, 50, p_day)) || p_extra $$;
CREATE FUNCTION pg_temp.line(p_proration boolean) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'line_item', 'id', 'il_1', 'amount', 2099, 'currency', 'usd', 'description', '1 x Pro', 'discount_amounts', '[]'::jsonb, 'discountable', true,
        'discounts', '[]'::jsonb, 'invoice', 'in_1', 'livemode', false, 'metadata', '{}'::jsonb, 'period', jsonb_build_object('start', t.day(31), 'end', t.day(62)), 'quantity', 1,
        'subtotal', 2099, 'pretax_credit_amounts', '[]'::jsonb, 'taxes', '[{"amount": 100, "tax_behavior": "inclusive"}]'::jsonb, 'subscription', 'sub_v',
        'pricing', jsonb_build_object('type', 'price_details', 'unit_amount_decimal', '2099', 'price_details', jsonb_build_object('price', t.price('pro'), 'product', 'prod_pro')),
        'parent', jsonb_build_object('type', 'subscription_item_details', 'invoice_item_details', NULL, 'subscription_item_details', jsonb_build_object(
            'subscription', 'sub_v', 'subscription_item', 'si_v', 'proration', p_proration, 'proration_details', NULL, 'invoice_item', NULL))) $$;
CREATE FUNCTION pg_temp.invoice(p_id text, p_sub text, p_status text, p_paid bigint, p_payments jsonb, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT t.invoice(p_id, 'cus_v', p_sub, p_status, p_paid, 31) || jsonb_build_object('payments', pg_temp.list(p_payments), 'lines', pg_temp.list(jsonb_build_array(pg_temp.line(false) || jsonb_build_object('invoice', p_id))),
        'amount_paid_off_stripe', 0, 'amount_overpaid', 0, 'amount_remaining', 0, 'starting_balance', 0, 'ending_balance', 0, 'auto_advance', false, 'discounts', '[]'::jsonb,
        'collection_method', 'charge_automatically', 'subtotal', p_paid, 'number', 'A-1', 'pre_payment_credit_notes_amount', 0, 'post_payment_credit_notes_amount', 0, 'metadata', '{}'::jsonb,
        'total_taxes', '[{"amount": 100, "tax_behavior": "inclusive"}]'::jsonb,
        'status_transitions', jsonb_build_object('finalized_at', t.day(31), 'paid_at', CASE WHEN p_status = 'paid' THEN t.day(31) + 1 END, 'voided_at', NULL, 'marked_uncollectible_at', NULL),
        'parent', CASE WHEN p_sub IS NOT NULL THEN jsonb_build_object('type', 'subscription_details', 'quote_details', NULL,
                           'subscription_details', jsonb_build_object('subscription', p_sub, 'metadata', '{"user_id": "u1"}'::jsonb)) END) || p_extra $$;
CREATE FUNCTION pg_temp.payment(p_id text, p_status text, p_paid bigint, p_payment jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'invoice_payment', 'id', p_id, 'status', p_status, 'amount_paid', p_paid, 'amount_requested', p_paid, 'currency', 'usd', 'is_default', true,
        'created', t.day(31), 'livemode', false, 'status_transitions', '{"paid_at": null, "canceled_at": null}'::jsonb, 'payment', p_payment) $$;
CREATE FUNCTION pg_temp.note(p_id text, p_extra jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('object', 'credit_note', 'id', p_id, 'amount', 400, 'total', 400, 'subtotal', 400, 'currency', 'usd', 'customer', 'cus_v', 'invoice', 'in_1', 'status', 'issued',
        'type', 'post_payment', 'pre_payment_amount', 0, 'post_payment_amount', 400, 'out_of_band_amount', NULL, 'customer_balance_transaction', NULL, 'refunds', '[]'::jsonb,
        'discount_amount', 0, 'discount_amounts', '[]'::jsonb, 'total_taxes', '[{"amount": 19}]'::jsonb, 'reason', NULL, 'number', p_id, 'created', t.day(40), 'effective_at', t.day(40),
        'voided_at', NULL, 'livemode', false, 'metadata', '{}'::jsonb, 'lines', pg_temp.list('[]')) || p_extra $$;

-- One life, as 2026-10-28.endive tells it: a discounted subscription, an invoice paid by card and partly given back, one
-- paid in cash, one of nobody's subscription, a one-time session that is disputed, a bare charge.
CREATE FUNCTION pg_temp.life() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(
        t.customer('cus_v', '{"discount": null, "balance": -400}'),
        t.sub('sub_v', 'cus_v', 'active', jsonb_build_array(t.item('si_v', 'pro', 31, 62) || '{"subscription": "sub_v", "discounts": []}'), jsonb_build_object(
            'metadata', '{"user_id": "u1"}'::jsonb, 'latest_invoice', 'in_1', 'schedule', NULL, 'start_date', t.day(0), 'billing_mode', '{"type": "classic"}'::jsonb, 'discounts', jsonb_build_array(jsonb_build_object(
                'object', 'discount', 'id', 'di_1', 'customer', 'cus_v', 'start', t.day(0), 'end', t.day(90), 'invoice', NULL, 'invoice_item', NULL, 'subscription', 'sub_v',
                'subscription_item', NULL, 'checkout_session', NULL, 'promotion_code', 'promo_1', 'source', jsonb_build_object('type', 'coupon', 'coupon', pg_temp.coupon()))))),
        pg_temp.invoice('in_1', 'sub_v', 'paid', 2099, jsonb_build_array(pg_temp.payment('inpay_1', 'paid', 2099, '{"type": "payment_intent", "payment_intent": "pi_1"}')),
            '{"total_discount_amounts": [{"amount": 262, "discount": "di_1"}], "post_payment_credit_notes_amount": 800}'),
        pg_temp.invoice('in_2', 'sub_v', 'paid', 500, jsonb_build_array(pg_temp.payment('inpay_2', 'canceled', NULL, '{"type": "payment_intent", "payment_intent": "pi_2"}'),
            pg_temp.payment('inpay_3', 'paid', 500, '{"type": "payment_record", "payment_record": "pr_1"}')), '{"amount_paid_off_stripe": 500}'),
        pg_temp.invoice('in_3', NULL, 'open', 0, '[]', '{"amount_due": 900, "billing_reason": "manual"}'),
        t.session('cs_1', 'cus_v', 'payment', 'paid', 700, '{"payment_intent": "pi_3", "total_details": {"amount_discount": 100, "amount_shipping": 0, "amount_tax": 0, "breakdown": {"discounts": [{"amount": 100, "discount": {"object": "discount", "id": "di_2", "promotion_code": null, "coupon": {"object": "coupon", "id": "SPRING"}}}], "taxes": []}}, "discounts": [{"coupon": "SPRING", "promotion_code": null}]}'),
        pg_temp.charge('ch_1', 'pi_1', 2099, 31, jsonb_build_object('amount_refunded', 400, 'refunds', pg_temp.list(jsonb_build_array(pg_temp.refund())))),
        pg_temp.charge('ch_3', 'pi_3', 700, 0, '{"disputed": true}'),
        pg_temp.charge('ch_4', 'pi_4', 333, 5),
        pg_temp.refund(),
        jsonb_build_object('object', 'dispute', 'id', 'dp_1', 'amount', 700, 'currency', 'usd', 'charge', 'ch_3', 'payment_intent', 'pi_3', 'status', 'lost', 'reason', 'fraudulent',
            'balance_transactions', jsonb_build_array(pg_temp.txn('txn_dp_1', -700, 1500, 20)), 'created', t.day(20), 'livemode', false, 'is_charge_refundable', false, 'metadata', '{}'::jsonb),
        pg_temp.note('cn_1', '{"refunds": [{"type": "refund", "refund": "re_1", "amount_refunded": 400, "payment_record_refund": null}]}'),
        pg_temp.note('cn_2', '{"customer_balance_transaction": "cbtxn_1"}')) $$;

-- An object of that life in the words of an older version: every row of the table of moved fields, newest first.
CREATE FUNCTION pg_temp.worded(o jsonb, v text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    k text := o ->> 'object';
    d jsonb;
BEGIN
    IF v < '2026-07-29' AND k = 'refund' THEN
        o := o - '{customer,customer_account,payment_method}'::text[];
    ELSIF k = 'charge' THEN
        o := jsonb_set(o, '{refunds,data}', (SELECT coalesce(jsonb_agg(pg_temp.worded(r.value, v)), '[]') FROM jsonb_array_elements(o #> '{refunds,data}') AS r));
    END IF;
    IF v < '2026-05-27' AND k = 'invoice' THEN
        o := o - 'amount_paid_off_stripe';
    END IF;
    IF v < '2025-12-15' AND k = 'invoice' THEN
        o := jsonb_set(o, '{lines,data,0,pricing,price_details,price}', o #> '{lines,data,0,pricing,price_details,price,id}');
    END IF;
    IF v < '2025-10-29' AND k = 'invoice' THEN
        o := jsonb_set(o, '{payments,data}', jsonb_path_query_array(o, '$.payments.data[*] ? (@.payment.type != "payment_record")'));
    END IF;
    IF v < '2025-09-30' AND k = 'subscription' THEN
        o := jsonb_set(o, '{discounts,0}', (o #> '{discounts,0}') - 'source' || jsonb_build_object('coupon', pg_temp.coupon()));
    ELSIF v < '2025-09-30' AND k = 'promotion_code' THEN
        o := o - 'promotion' || jsonb_build_object('coupon', pg_temp.coupon());
    END IF;
    IF v < '2025-03-31' THEN
        CASE k
        WHEN 'subscription' THEN
            d := o #> '{discounts,0}';
            o := o #- '{items,data,0,current_period_start}' #- '{items,data,0,current_period_end}' || jsonb_build_object(
                'current_period_start', t.day(31), 'current_period_end', t.day(62), 'plan', '{"object": "plan", "id": "price_pro"}'::jsonb, 'quantity', 1, 'discount', d,
                'discounts', jsonb_build_array(d -> 'id'));
            o := CASE WHEN v < '2025-01-01' THEN o - 'discounts' ELSE o END;
        WHEN 'invoice' THEN
            d := o #> '{lines,data,0}';
            d := d - '{pricing,parent,taxes}'::text[] || jsonb_build_object('price', t.price('pro'), 'plan', '{"object": "plan", "id": "price_pro"}'::jsonb, 'type', 'subscription',
                'proration', false, 'proration_details', '{"credited_items": null}'::jsonb, 'subscription_item', 'si_v', 'tax_amounts', d -> 'taxes', 'tax_rates', '[]'::jsonb);
            o := jsonb_set(o, '{lines,data,0}', d) - '{parent,payments,total_taxes}'::text[] || jsonb_build_object(
                'subscription', o #> '{parent,subscription_details,subscription}', 'subscription_details', jsonb_build_object('metadata', o #> '{parent,subscription_details,metadata}'),
                'paid', o ->> 'status' = 'paid', 'paid_out_of_band', o ->> 'id' = 'in_2', 'quote', NULL, 'discount', NULL, 'tax', 100, 'total_tax_amounts', '[{"amount": 100, "inclusive": true}]'::jsonb,
                'payment_intent', CASE o ->> 'id' WHEN 'in_1' THEN 'pi_1' WHEN 'in_2' THEN 'pi_2' END, 'charge', CASE WHEN o ->> 'id' = 'in_1' THEN 'ch_1' END);
        WHEN 'charge' THEN
            o := o || jsonb_build_object('invoice', CASE WHEN o ->> 'id' = 'ch_1' THEN 'in_1' END);
        WHEN 'credit_note' THEN
            o := o - '{refunds,total_taxes,post_payment_amount,pre_payment_amount}'::text[] || jsonb_build_object(
                'refund', CASE WHEN o ->> 'id' = 'cn_1' THEN 're_1' END, 'tax_amounts', '[{"amount": 19}]'::jsonb);
        ELSE
            NULL;
        END CASE;
    END IF;
    IF v < '2025-01-27' AND k = 'checkout.session' THEN
        o := o - 'discounts';
    END IF;
    RETURN o;
END $$;
CREATE FUNCTION pg_temp.worded_life(v text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(pg_temp.worded(o.value, v)) FROM jsonb_array_elements(pg_temp.life()) AS o $$;
CREATE FUNCTION pg_temp.code(v text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT pg_temp.worded(jsonb_build_object('object', 'promotion_code', 'id', 'promo_1', 'code', 'ACME10', 'customer', NULL, 'active', true, 'expires_at', NULL, 'livemode', false,
        'metadata', '{}'::jsonb, 'created', t.day(0), 'restrictions', '{"first_time_transaction": false, "minimum_amount": null, "minimum_amount_currency": null}'::jsonb,
        'promotion', '{"type": "coupon", "coupon": "SPRING"}'::jsonb), v) $$;

-- Everything a life leaves behind, read in these versions one after the other; nothing of it lasts.
CREATE FUNCTION pg_temp.ledger_of(p_versions text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v text;
    r jsonb;
    v_last integer := 0;
BEGIN
    FOREACH v IN ARRAY p_versions LOOP
        PERFORM t.turn('promo_1', jsonb_build_array(pg_temp.code(v)), '[]', jsonb_build_object('api_version', v));
        r := t.turn('cus_v', pg_temp.worded_life(v), '[]', jsonb_build_object('api_version', v, 'complete', '["subscriptions", "invoices", "sessions", "charges"]'::jsonb));
        v_last := CASE WHEN v = p_versions[1] THEN 0 ELSE (r ->> 'entries')::integer + jsonb_array_length(r -> 'changes') END;
    END LOOP;
    RAISE EXCEPTION '%', jsonb_build_object(
        'ledger', t.fingerprint('cus_v'), 'booked or changed by another wording', v_last, 'catalogue', ledger.catalogue_truth() #- '{prices}',
        'history', (SELECT jsonb_agg(h.state ORDER BY h.id) FROM ledger.subscription_change AS h),
        'invoices', (SELECT jsonb_agg(jsonb_build_array(i.id, i.subscription, i.status, i.amount_paid, i.discount_amount, i.billing_reason, i.paid_at) ORDER BY i.id) FROM ledger.invoice AS i),
        'accounts', (SELECT jsonb_object_agg(a.code, a.amount) FROM (SELECT a.code, sum(p.amount) AS amount FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id GROUP BY a.code) AS a),
        'verify', (SELECT jsonb_agg(x.check_name || ': ' || x.detail) FROM ops.verify() AS x WHERE NOT x.ok)) USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
    RETURN SQLERRM::jsonb;
END $$;

SELECT isnt(pg_temp.worded_life('2024-10-28.acacia'), pg_temp.life(), 'the versions do word it differently');
CREATE TEMP TABLE newest AS SELECT pg_temp.ledger_of('{2026-10-28.endive}') AS facts;
SELECT is(facts -> 'verify', 'null', 'the ledger of a life verifies') FROM newest;
SELECT is(facts #> '{history,0,discounts}', '[{"coupon": "SPRING", "promotion_code": "promo_1"}]', 'it has a discounted subscription') FROM newest;
SELECT is(jsonb_array_length(facts #> '{ledger,truth,sales}'), 4, 'and four sales') FROM newest;
SELECT is(pg_temp.ledger_of(ARRAY[v]), (SELECT facts FROM newest), 'read as ' || v || ': the same ledger')
  FROM unnest(ARRAY['2026-08-26.dahlia', '2026-07-29.dahlia', '2026-05-27.dahlia', '2026-03-25.dahlia', '2025-12-15.clover', '2025-11-17.clover', '2025-10-29.clover', '2025-09-30.clover',
                    '2025-08-27.basil', '2025-03-31.basil', '2025-02-24.acacia', '2025-01-27.acacia', '2024-12-18.acacia', '2024-10-28.acacia']) AS v;
SELECT is(pg_temp.ledger_of(ARRAY[a, b]), (SELECT facts FROM newest), 'read as ' || a || ', then as ' || b || ': nothing is booked or changed')
  FROM (VALUES ('2024-10-28.acacia', '2026-10-28.endive'), ('2026-10-28.endive', '2024-10-28.acacia'), ('2025-03-31.basil', '2025-09-30.clover'),
               ('2025-09-30.clover', '2025-03-31.basil'), ('2025-02-24.acacia', '2025-03-31.basil'), ('2026-05-27.dahlia', '2026-07-29.dahlia')) AS c (a, b);
SELECT is(pg_temp.ledger_of('{2024-10-28.acacia,2025-02-24.acacia,2025-03-31.basil,2025-09-30.clover,2025-12-15.clover,2026-05-27.dahlia,2026-10-28.endive}'),
    (SELECT facts FROM newest), 'an account that is upgraded step by step: the same ledger');
SELECT * FROM finish();
ROLLBACK;
