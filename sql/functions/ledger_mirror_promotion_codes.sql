-- ledger.mirror_promotion_codes: learn promotion codes.
--   Arguments, locks and rule as ledger.mirror_products
--   Shapes    as stripe.promotion_coupon
--   Errors    IS001
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_promotion_codes(p_account text, p_codes jsonb, p_read_ms bigint,
                                                         p_seen_ms bigint, p_named text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger.promotion_code AS k
        (account, id, code, coupon, customer, active, expires_at, metadata, deleted, seen_ms)
    SELECT p_account, n.id, n.code, n.coupon, n.customer, n.active, n.expires_at, n.metadata, n.gone, p_seen_ms
      FROM (SELECT DISTINCT ON (stripe.word(p.value, 'id') COLLATE "C")
                   stripe.word(p.value, 'id') AS id, g.gone, stripe.metadata(p.value) AS metadata,
                   CASE WHEN NOT g.gone THEN stripe.word(p.value, 'code') END AS code,
                   CASE WHEN NOT g.gone THEN stripe.id_or_expanded(stripe.promotion_coupon(p.value), p.value,
                                                                   'promotion.coupon') END AS coupon,
                   CASE WHEN NOT g.gone THEN stripe.customer_of(p.value) END AS customer,
                   CASE WHEN NOT g.gone THEN stripe.yes(p.value, 'active') END AS active,
                   CASE WHEN NOT g.gone
                        THEN stripe.moment(p.value, p.value -> 'expires_at', 'expires_at') END AS expires_at
              FROM jsonb_array_elements(p_codes) WITH ORDINALITY AS p (value, place)
             CROSS JOIN LATERAL (SELECT coalesce(p.value -> 'deleted' = 'true', false)) AS g (gone)
             ORDER BY stripe.word(p.value, 'id') COLLATE "C", p.place DESC) AS n
     WHERE n.id = ANY (p_named)
        OR NOT EXISTS (SELECT FROM ledger.promotion_code AS o
                        WHERE o.account = p_account AND o.id = n.id
                          AND (o.deleted OR (o.code, o.coupon, o.customer, o.active, o.expires_at, o.metadata)
                                            IS NOT DISTINCT FROM
                                            (n.code, n.coupon, n.customer, n.active, n.expires_at, n.metadata)))
     ORDER BY n.id COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET (code, coupon, customer, active, expires_at, metadata) =
           (SELECT s.code, s.coupon, s.customer, s.active, s.expires_at, s.metadata
              FROM (SELECT (CASE WHEN EXCLUDED.deleted THEN k ELSE EXCLUDED END).*) AS s),
           deleted = EXCLUDED.deleted, seen_ms = greatest(k.seen_ms, EXCLUDED.seen_ms)
     WHERE EXCLUDED.id = ANY (p_named) OR NOT k.deleted AND k.seen_ms <= p_read_ms;
END
$$;
RESET ROLE;
