-- ledger.mirror_prices: learn prices, and the plans that they stand for.
--   p_prices     array of price objects; the same one may occur many times, the last counts. deleted: true marks one that is
--                gone, if it was known
--   p_read_ms    when the turn's reads began; p_seen_ms when they ended (unix milliseconds)
--   p_named      ids of the prices that were read by name, not found inside something else
--   p_products   products that the turn has learned: what they say of plans is learned too, and their prices follow
--   Overwrites a known price only with a read that is surely newer, or was by name (such turns follow one another): turns
--   of different customers are not ordered among each other.
--   Locks        new plans, plans that get a version, price rows that change, subscriptions that this concerns, each ascending
--   Errors       IS001
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.mirror_prices(text, jsonb, bigint, bigint, text[]);
CREATE OR REPLACE FUNCTION ledger.mirror_prices(p_account text, p_prices jsonb, p_read_ms bigint, p_seen_ms bigint,
                                                p_named text[], p_products text[] DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v record;
    v_touched text[]; -- plans that say or mean something else now
    v_was text;
BEGIN
    INSERT INTO ledger.plan (plan_key)
    SELECT n.plan_key
      FROM (SELECT ledger.price_plan(p_account, p.value ->> 'id', nullif(p.value ->> 'lookup_key', ''),
                                     stripe.reference(p.value, 'product'), nullif(p.value #>> '{metadata,plan_key}', ''))
              FROM jsonb_array_elements(p_prices) AS p WHERE p.value -> 'deleted' IS DISTINCT FROM 'true'
            UNION
            SELECT ledger.product_plan(d.id, d.metadata) FROM unnest(p_products) AS i (id)
             CROSS JOIN LATERAL (SELECT * FROM ledger.product AS o
                                  WHERE o.account = p_account AND o.id = i.id AND NOT o.deleted OFFSET 0) AS d) AS n (plan_key)
     WHERE n.plan_key IS NOT NULL AND NOT EXISTS (SELECT FROM ledger.plan AS o WHERE o.plan_key = n.plan_key)
     ORDER BY n.plan_key COLLATE "C"
    ON CONFLICT (plan_key) DO NOTHING;
    v_touched := ledger.learn_plans(p_account, p_products);
    FOR v IN
        SELECT n.*, ledger.price_plan(p_account, n.id, nullif(n.lookup_key, ''), n.product_id, n.meta_plan) AS plan_key
          FROM (
        SELECT DISTINCT ON (stripe.word(p.value, 'id') COLLATE "C")
               stripe.word(p.value, 'id') AS id, nullif(p.value #>> '{metadata,plan_key}', '') AS meta_plan,
               stripe.reference(p.value, 'product') AS product_id,
               stripe.word_or_null(p.value, 'lookup_key') AS lookup_key, stripe.currency(p.value) AS currency,
               stripe.whole_or_null(p.value, p.value -> 'unit_amount', 'unit_amount') AS unit_amount,
               p.value #>> '{recurring,interval}' AS recurring_interval,
               CASE WHEN jsonb_typeof(p.value -> 'recurring') = 'object'
                    THEN stripe.whole(p.value, p.value #> '{recurring,interval_count}', 'recurring.interval_count')
               END::integer AS recurring_count,
               p.value #>> '{recurring,usage_type}' IS NOT DISTINCT FROM 'metered' AS metered,
               stripe.yes(p.value, 'active') AS active
          FROM jsonb_array_elements(p_prices) WITH ORDINALITY AS p (value, place)
         WHERE p.value -> 'deleted' IS DISTINCT FROM 'true'
         ORDER BY stripe.word(p.value, 'id') COLLATE "C", p.place DESC) AS n
         ORDER BY n.id COLLATE "C"
    LOOP
        CONTINUE WHEN v.id <> ALL (p_named) AND EXISTS (
            SELECT FROM ledger.plan_price AS k
             WHERE k.account = p_account AND k.price_id = v.id
               AND (k.plan_key, k.meta_plan, k.product_id, k.lookup_key, k.currency, k.unit_amount, k.recurring_interval,
                    k.recurring_count, k.metered, k.active)
                   IS NOT DISTINCT FROM
                   (v.plan_key, v.meta_plan, v.product_id, v.lookup_key, v.currency, v.unit_amount, v.recurring_interval,
                    v.recurring_count, v.metered, v.active));
        v_was := (SELECT k.plan_key FROM ledger.plan_price AS k WHERE k.account = p_account AND k.price_id = v.id);
        INSERT INTO ledger.plan_price AS k
            (account, price_id, plan_key, meta_plan, product_id, lookup_key, currency, unit_amount, recurring_interval,
             recurring_count, metered, active, seen_ms)
        VALUES (p_account, v.id, v.plan_key, v.meta_plan, v.product_id, v.lookup_key, v.currency, v.unit_amount,
                v.recurring_interval, v.recurring_count, v.metered, v.active, p_seen_ms)
        ON CONFLICT (account, price_id) DO UPDATE
           SET plan_key = EXCLUDED.plan_key, meta_plan = EXCLUDED.meta_plan, product_id = EXCLUDED.product_id,
               lookup_key = EXCLUDED.lookup_key, currency = EXCLUDED.currency, unit_amount = EXCLUDED.unit_amount,
               recurring_interval = EXCLUDED.recurring_interval, recurring_count = EXCLUDED.recurring_count, metered = EXCLUDED.metered,
               active = EXCLUDED.active, deleted = false, seen_ms = greatest(k.seen_ms, EXCLUDED.seen_ms)
         WHERE v.id = ANY (p_named) OR NOT k.deleted AND k.seen_ms <= p_read_ms;
        IF v_was <> v.plan_key THEN
            v_touched := v_touched || v.plan_key;
        END IF;
    END LOOP;
    FOR v IN -- prices that this turn did not bring, of products that it did
        SELECT k.price_id, n.plan_now
          FROM unnest(p_products) AS i (id)
         CROSS JOIN LATERAL (SELECT * FROM ledger.plan_price AS o WHERE o.account = p_account AND o.product_id = i.id OFFSET 0) AS k
         CROSS JOIN LATERAL (SELECT ledger.price_plan(k.account, k.price_id, k.lookup_key, k.product_id, k.meta_plan))
                    AS n (plan_now)
         WHERE n.plan_now <> k.plan_key
         ORDER BY k.price_id COLLATE "C"
    LOOP
        INSERT INTO ledger.plan (plan_key) VALUES (v.plan_now) ON CONFLICT (plan_key) DO NOTHING;
        UPDATE ledger.plan_price AS k SET plan_key = v.plan_now WHERE k.account = p_account AND k.price_id = v.price_id;
        v_touched := v_touched || v.plan_now;
    END LOOP;
    IF v_touched <> '{}' THEN
        PERFORM ledger.touch_plans(v_touched);
    END IF;
    UPDATE ledger.plan_price AS k SET deleted = true, active = false, seen_ms = greatest(k.seen_ms, p_seen_ms)
     WHERE k.account = p_account
       AND k.price_id = ANY (ARRAY(SELECT stripe.word(p.value, 'id') FROM jsonb_array_elements(p_prices) AS p
                                    WHERE p.value -> 'deleted' = 'true'));
END
$$;
RESET ROLE;
