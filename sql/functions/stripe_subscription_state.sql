-- stripe.subscription_state: what the ledger keeps of a subscription, canonical: equal facts, equal jsonb.
--   Times are unix seconds; items are sorted by id, discounts by coupon. Nothing personal is in it.
--   Shapes    periods as stripe.subscription_period, discounts as stripe.discount_list
--   Errors    IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.subscription_state(p_subscription jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_items jsonb := '[]';
    v_item jsonb;
    v_price jsonb;
    v_start timestamptz;
    v_end timestamptz;
    v_field text;
BEGIN
    FOREACH v_field IN ARRAY ARRAY['cancel_at', 'canceled_at', 'ended_at', 'trial_start', 'trial_end'] LOOP
        PERFORM stripe.moment(p_subscription, p_subscription -> v_field, v_field);
    END LOOP;
    FOR v_item IN SELECT i.value FROM jsonb_array_elements(stripe.subscription_items(p_subscription)) AS i
                   ORDER BY i.value ->> 'id' COLLATE "C" LOOP
        CONTINUE WHEN v_item -> 'deleted' = 'true';
        v_price := stripe.item_price(v_item);
        SELECT p.period_start, p.period_end INTO v_start, v_end
          FROM stripe.subscription_period(p_subscription, v_item) AS p;
        v_items := v_items || jsonb_build_object(
            'id', stripe.word(v_item, 'id'), 'price', v_price ->> 'id', 'plan_key', stripe.price_plan_key(v_price),
            'product', stripe.reference(v_price, 'product'),
            'quantity', CASE WHEN coalesce(jsonb_typeof(v_item -> 'quantity'), 'null') <> 'null'
                             THEN stripe.whole(v_item, v_item -> 'quantity', 'quantity') END,
            'current_period_start', extract(epoch FROM v_start)::bigint,
            'current_period_end', extract(epoch FROM v_end)::bigint);
    END LOOP;
    RETURN jsonb_build_object(
        'status', stripe.word(p_subscription, 'status'),
        'currency', stripe.currency(p_subscription),
        'collection_method', stripe.word(p_subscription, 'collection_method'),
        'cancel_at_period_end', stripe.yes(p_subscription, 'cancel_at_period_end'),
        'cancel_at', p_subscription -> 'cancel_at',
        'canceled_at', p_subscription -> 'canceled_at',
        'ended_at', p_subscription -> 'ended_at',
        'trial_start', p_subscription -> 'trial_start',
        'trial_end', p_subscription -> 'trial_end',
        'pause_collection', stripe.pause_behavior(p_subscription),
        'discounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('coupon', d.coupon, 'promotion_code', d.promotion_code)
                                                ORDER BY d.coupon COLLATE "C", d.promotion_code COLLATE "C"), '[]')
                        FROM stripe.discounts(p_subscription) AS d),
        'items', v_items);
END
$$;
RESET ROLE;
