-- ledger.mirror_prices: learn prices, and the plans that they stand for.
--   p_prices     array of price objects; the same one may occur many times, the last counts. deleted: true marks one that is
--                gone, if it was known
--   p_read_ms    when the turn's reads began; p_seen_ms when they ended (unix milliseconds)
--   p_named      ids of the prices that were read by name, not found inside something else
--   Overwrites a known price only with a read that is surely newer, or was by name (such turns follow one another): turns
--   of different customers are not ordered among each other.
--   Locks        new plans, then price rows that change, each ascending
--   Errors       IS001
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.mirror_prices(text, jsonb, bigint, bigint, text);
CREATE OR REPLACE FUNCTION ledger.mirror_prices(p_account text, p_prices jsonb, p_read_ms bigint, p_seen_ms bigint,
                                                p_named text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v record;
BEGIN
    INSERT INTO ledger.plan (plan_key)
    SELECT n.plan_key FROM (SELECT DISTINCT stripe.price_plan_key(p.value) AS plan_key FROM jsonb_array_elements(p_prices) AS p
                             WHERE p.value -> 'deleted' IS DISTINCT FROM 'true') AS n
     WHERE NOT EXISTS (SELECT FROM ledger.plan AS o WHERE o.plan_key = n.plan_key)
     ORDER BY n.plan_key COLLATE "C"
    ON CONFLICT (plan_key) DO NOTHING;
    FOR v IN
        SELECT DISTINCT ON (stripe.word(p.value, 'id') COLLATE "C")
               stripe.word(p.value, 'id') AS id, stripe.price_plan_key(p.value) AS plan_key,
               stripe.reference(p.value, 'product') AS product_id,
               stripe.word_or_null(p.value, 'lookup_key') AS lookup_key, stripe.currency(p.value) AS currency,
               stripe.whole_or_null(p.value, p.value -> 'unit_amount', 'unit_amount') AS unit_amount,
               p.value #>> '{recurring,interval}' AS recurring_interval,
               CASE WHEN jsonb_typeof(p.value -> 'recurring') = 'object'
                    THEN stripe.whole(p.value, p.value #> '{recurring,interval_count}', 'recurring.interval_count')
               END::integer AS recurring_count,
               stripe.yes(p.value, 'active') AS active
          FROM jsonb_array_elements(p_prices) WITH ORDINALITY AS p (value, place)
         WHERE p.value -> 'deleted' IS DISTINCT FROM 'true'
         ORDER BY stripe.word(p.value, 'id') COLLATE "C", p.place DESC
    LOOP
        CONTINUE WHEN v.id <> ALL (p_named) AND EXISTS (
            SELECT FROM ledger.plan_price AS k
             WHERE k.account = p_account AND k.price_id = v.id
               AND (k.plan_key, k.product_id, k.lookup_key, k.currency, k.unit_amount, k.recurring_interval,
                    k.recurring_count, k.active)
                   IS NOT DISTINCT FROM
                   (v.plan_key, v.product_id, v.lookup_key, v.currency, v.unit_amount, v.recurring_interval,
                    v.recurring_count, v.active));
        INSERT INTO ledger.plan_price AS k
            (account, price_id, plan_key, product_id, lookup_key, currency, unit_amount, recurring_interval,
             recurring_count, active, seen_ms)
        VALUES (p_account, v.id, v.plan_key, v.product_id, v.lookup_key, v.currency, v.unit_amount,
                v.recurring_interval, v.recurring_count, v.active, p_seen_ms)
        ON CONFLICT (account, price_id) DO UPDATE
           SET plan_key = EXCLUDED.plan_key, product_id = EXCLUDED.product_id, lookup_key = EXCLUDED.lookup_key,
               currency = EXCLUDED.currency, unit_amount = EXCLUDED.unit_amount,
               recurring_interval = EXCLUDED.recurring_interval, recurring_count = EXCLUDED.recurring_count,
               active = EXCLUDED.active, deleted = false, seen_ms = greatest(k.seen_ms, EXCLUDED.seen_ms)
         WHERE v.id = ANY (p_named) OR NOT k.deleted AND k.seen_ms <= p_read_ms;
    END LOOP;
    UPDATE ledger.plan_price AS k SET deleted = true, active = false, seen_ms = greatest(k.seen_ms, p_seen_ms)
     WHERE k.account = p_account
       AND k.price_id = ANY (ARRAY(SELECT stripe.word(p.value, 'id') FROM jsonb_array_elements(p_prices) AS p
                                    WHERE p.value -> 'deleted' = 'true'));
END
$$;
RESET ROLE;
