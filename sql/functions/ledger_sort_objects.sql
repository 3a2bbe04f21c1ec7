-- ledger.sort_objects: the objects of a turn by kind, each once (the last of the same id), checked to belong here.
--   p_turn   as ledger.apply_turn;  p_kind  of the subject: customer or object
--   Returns  {"invoice": [...], "subscription": [...], ...}; every kind that the ledger reads is a key
--   Errors   IS001 an object without object or id, IS003 the other mode, IS004 an object of another customer
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.sort_objects(p_turn jsonb, p_kind text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_live boolean := p_turn ->> 'mode' = 'live';
    v_object jsonb;
    v_kind text;
    v_id text;
    v_customer text;
    v_read jsonb; -- for ledger.customer_by_reference, made when the first object needs it
BEGIN
    IF jsonb_typeof(coalesce(p_turn -> 'objects', '[]')) <> 'array' THEN
        PERFORM stripe.unknown_shape(p_turn, 'objects', p_turn -> 'objects');
    END IF;
    FOR v_object IN SELECT o.value FROM jsonb_array_elements(coalesce(p_turn -> 'objects', '[]')) AS o LOOP
        v_kind := stripe.word(v_object, 'object');
        v_id := stripe.word(v_object, 'id');
        IF jsonb_typeof(v_object -> 'livemode') = 'boolean' AND (v_object -> 'livemode')::boolean <> v_live THEN
            RAISE EXCEPTION '% % is of the other mode, this ledger is %', v_kind, v_id, p_turn ->> 'mode'
                USING ERRCODE = 'IS003';
        END IF;
        CONTINUE WHEN v_kind NOT IN ('subscription', 'invoice', 'checkout.session', 'customer', 'charge', 'refund',
                                     'dispute', 'credit_note', 'invoice_payment');
        v_customer := stripe.customer_of(v_object);
        IF v_customer IS NULL AND v_kind IN ('refund', 'dispute', 'invoice_payment') THEN
            IF v_read IS NULL THEN
                SELECT jsonb_build_object(
                           'charge', coalesce(jsonb_object_agg(o.value ->> 'id', o.value -> 'customer')
                                              FILTER (WHERE o.value ->> 'object' = 'charge'), '{}'),
                           'invoice', coalesce(jsonb_object_agg(o.value ->> 'id', o.value -> 'customer')
                                               FILTER (WHERE o.value ->> 'object' = 'invoice'), '{}')) INTO v_read
                  FROM jsonb_array_elements(p_turn -> 'objects') AS o WHERE o.value ->> 'id' IS NOT NULL;
            END IF;
            v_customer := ledger.customer_by_reference(v_object, p_turn ->> 'account', v_read);
        END IF;
        IF v_customer IS NOT NULL AND (p_kind <> 'customer' OR v_customer <> p_turn ->> 'subject')
            OR v_customer IS NULL AND v_kind = 'subscription' THEN
            RAISE EXCEPTION '% % belongs to %, not to %', v_kind, v_id,
                coalesce(v_customer, 'nobody'), p_turn ->> 'subject' USING ERRCODE = 'IS004';
        END IF;
    END LOOP;
    RETURN (
        WITH given AS MATERIALIZED (
            SELECT o.kind, jsonb_agg(o.value ORDER BY o.value ->> 'id' COLLATE "C") AS objects
              FROM (SELECT DISTINCT ON (n.value ->> 'object', n.value ->> 'id') n.value ->> 'object' AS kind, n.value
                      FROM jsonb_array_elements(coalesce(p_turn -> 'objects', '[]')) WITH ORDINALITY AS n (value, place)
                     ORDER BY n.value ->> 'object', n.value ->> 'id', n.place DESC) AS o
             GROUP BY o.kind)
        SELECT jsonb_object_agg(k.kind, coalesce(g.objects, '[]'))
          FROM unnest(ARRAY['subscription', 'invoice', 'checkout.session', 'customer', 'charge', 'refund', 'dispute',
                            'credit_note', 'invoice_payment', 'price', 'product', 'coupon', 'promotion_code']) AS k (kind)
          LEFT JOIN given AS g ON g.kind = k.kind);
END
$$;
RESET ROLE;
