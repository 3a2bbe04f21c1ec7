-- The same facts in the words of every API version, whole objects as Stripe renders them: one ledger.
BEGIN;
SELECT no_plan();

\ir life.psql

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
CREATE FUNCTION pg_temp.code(v text) RETURNS jsonb LANGUAGE sql AS $$ SELECT pg_temp.worded(pg_temp.code(), v) $$;

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
