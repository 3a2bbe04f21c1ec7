-- ledger.mirror_coupons: learn coupons.
--   Arguments, locks and rule as ledger.mirror_products
--   Errors    IS001, also for a coupon that takes off neither a percentage nor an amount, or both
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_coupons(p_account text, p_coupons jsonb, p_read_ms bigint, p_seen_ms bigint,
                                                 p_named text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_bad jsonb;
BEGIN
    SELECT c.value INTO v_bad FROM jsonb_array_elements(p_coupons) AS c
     WHERE c.value -> 'deleted' IS DISTINCT FROM 'true'
       AND (coalesce(jsonb_typeof(c.value -> 'percent_off'), 'null') = 'null')
           = (coalesce(jsonb_typeof(c.value -> 'amount_off'), 'null') = 'null') LIMIT 1;
    IF FOUND THEN
        PERFORM stripe.unknown_shape(v_bad, 'percent_off', v_bad -> 'percent_off');
    END IF;
    INSERT INTO ledger.coupon AS k
        (account, id, name, percent_off, amount_off, currency, duration, duration_in_months, redeem_by, valid, metadata,
         deleted, seen_ms)
    SELECT p_account, n.id, n.name, n.percent_off, n.amount_off, n.currency, n.duration, n.duration_in_months,
           n.redeem_by, n.valid, n.metadata, n.gone, p_seen_ms
      FROM (SELECT DISTINCT ON (stripe.word(p.value, 'id') COLLATE "C")
                   stripe.word(p.value, 'id') AS id, g.gone, stripe.metadata(p.value) AS metadata,
                   CASE WHEN NOT g.gone THEN stripe.word_or_null(p.value, 'name') END AS name,
                   CASE WHEN NOT g.gone AND coalesce(jsonb_typeof(p.value -> 'percent_off'), 'null') <> 'null'
                        THEN stripe.percent(p.value, p.value -> 'percent_off', 'percent_off') END AS percent_off,
                   CASE WHEN NOT g.gone
                        THEN stripe.whole_or_null(p.value, p.value -> 'amount_off', 'amount_off') END AS amount_off,
                   CASE WHEN NOT g.gone AND stripe.whole_or_null(p.value, p.value -> 'amount_off', 'amount_off') IS NOT NULL
                        THEN stripe.currency(p.value) END AS currency,
                   CASE WHEN NOT g.gone THEN stripe.word(p.value, 'duration') END AS duration,
                   CASE WHEN NOT g.gone THEN stripe.whole_or_null(p.value, p.value -> 'duration_in_months',
                                                                  'duration_in_months')::integer END AS duration_in_months,
                   CASE WHEN NOT g.gone
                        THEN stripe.moment(p.value, p.value -> 'redeem_by', 'redeem_by') END AS redeem_by,
                   CASE WHEN NOT g.gone THEN stripe.yes(p.value, 'valid') END AS valid
              FROM jsonb_array_elements(p_coupons) WITH ORDINALITY AS p (value, place)
             CROSS JOIN LATERAL (SELECT coalesce(p.value -> 'deleted' = 'true', false)) AS g (gone)
             ORDER BY stripe.word(p.value, 'id') COLLATE "C", p.place DESC) AS n
     WHERE n.id = ANY (p_named)
        OR NOT EXISTS (SELECT FROM ledger.coupon AS o
                        WHERE o.account = p_account AND o.id = n.id
                          AND (o.deleted
                               OR (o.name, o.percent_off, o.amount_off, o.currency, o.duration, o.duration_in_months,
                                   o.redeem_by, o.valid, o.metadata)
                                  IS NOT DISTINCT FROM
                                  (n.name, n.percent_off, n.amount_off, n.currency, n.duration, n.duration_in_months,
                                   n.redeem_by, n.valid, n.metadata)))
     ORDER BY n.id COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET (name, percent_off, amount_off, currency, duration, duration_in_months, redeem_by, valid, metadata) =
           (SELECT s.name, s.percent_off, s.amount_off, s.currency, s.duration, s.duration_in_months, s.redeem_by,
                   CASE WHEN EXCLUDED.deleted THEN false ELSE s.valid END, s.metadata
              FROM (SELECT (CASE WHEN EXCLUDED.deleted THEN k ELSE EXCLUDED END).*) AS s),
           deleted = EXCLUDED.deleted, seen_ms = greatest(k.seen_ms, EXCLUDED.seen_ms)
     WHERE EXCLUDED.id = ANY (p_named) OR NOT k.deleted AND k.seen_ms <= p_read_ms;
END
$$;
RESET ROLE;
