-- ledger.mirror_products: learn products.
--   p_products   array of product objects; the same one may occur many times, the last counts. deleted: true marks one
--                that is gone; what was known of it stays
--   p_read_ms, p_seen_ms, p_named  as ledger.mirror_prices, and the same rule of who overwrites whom
--   Returns      ids of those that were learned or overwritten; what their metadata say of plans is not looked at here
--   Locks        product rows that change, ascending
--   Errors       IS001
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.mirror_products(text, jsonb, bigint, bigint, text[]);
CREATE FUNCTION ledger.mirror_products(p_account text, p_products jsonb, p_read_ms bigint, p_seen_ms bigint,
                                       p_named text[]) RETURNS text[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_learned text[];
BEGIN
    WITH learned AS (
    INSERT INTO ledger.product AS k (account, id, name, active, metadata, updated_at, deleted, seen_ms)
    SELECT p_account, n.id, n.name, n.active, n.metadata, n.updated_at, n.gone, p_seen_ms
      FROM (SELECT DISTINCT ON (stripe.word(p.value, 'id') COLLATE "C")
                   stripe.word(p.value, 'id') AS id, g.gone, stripe.metadata(p.value) AS metadata,
                   coalesce(ops.moment_or_null(p.value -> 'updated', 1), ops.moment_or_null(p.value -> 'created', 1))
                       AS updated_at,
                   CASE WHEN NOT g.gone THEN stripe.word(p.value, 'name') END AS name,
                   CASE WHEN NOT g.gone THEN stripe.yes(p.value, 'active') END AS active
              FROM jsonb_array_elements(p_products) WITH ORDINALITY AS p (value, place)
             CROSS JOIN LATERAL (SELECT coalesce(p.value -> 'deleted' = 'true', false)) AS g (gone)
             ORDER BY stripe.word(p.value, 'id') COLLATE "C", p.place DESC) AS n
     WHERE n.id = ANY (p_named)
        OR NOT EXISTS (SELECT FROM ledger.product AS o
                        WHERE o.account = p_account AND o.id = n.id
                          AND (o.deleted OR (o.name, o.active, o.metadata, o.updated_at)
                                            IS NOT DISTINCT FROM (n.name, n.active, n.metadata, n.updated_at)))
     ORDER BY n.id COLLATE "C"
    ON CONFLICT (account, id) DO UPDATE
       SET name = CASE WHEN EXCLUDED.deleted THEN k.name ELSE EXCLUDED.name END,
           active = CASE WHEN EXCLUDED.deleted THEN k.active ELSE EXCLUDED.active END,
           metadata = CASE WHEN EXCLUDED.deleted THEN k.metadata ELSE EXCLUDED.metadata END,
           updated_at = coalesce(EXCLUDED.updated_at, k.updated_at), deleted = EXCLUDED.deleted, seen_ms = greatest(k.seen_ms, EXCLUDED.seen_ms)
     WHERE EXCLUDED.id = ANY (p_named) OR NOT k.deleted AND k.seen_ms <= p_read_ms
    RETURNING k.id)
    SELECT coalesce(array_agg(l.id), '{}') INTO v_learned FROM learned AS l;
    RETURN v_learned;
END
$$;
RESET ROLE;
