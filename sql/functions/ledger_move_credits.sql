-- ledger.move_credits: a customer's lots go to whom they belong to now, with everything that became of them.
--   What lots of different customers did for each other's debts is undone before; both holders are settled after.
--   A lot's history goes with it; the entries stay where they were made.
--   Locks   both holders' rows, ascending; the caller holds the customer's row and those of its users
--   Source  docs/credits.md, "Holders"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.move_credits(p_account text, p_customer text, p_context jsonb, p_at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_to text;
    v_from text[];
    v record;
    v_in ledger.credit_holder;
    v_out ledger.credit_holder;
    v_amount bigint;
BEGIN
    v_from := ARRAY(
        SELECT DISTINCT l.holder
          FROM ledger.subscription AS s
         CROSS JOIN LATERAL (SELECT l.holder FROM ledger.credit_lot AS l
                              WHERE l.account = s.account AND l.subscription = s.id OFFSET 0) AS l
         WHERE s.account = p_account AND s.customer = p_customer);
    IF cardinality(v_from) = 0 THEN
        RETURN;
    END IF;
    v_to := ledger.credit_holder_of(p_account, p_customer);
    v_from := array_remove(v_from, v_to);
    IF cardinality(v_from) = 0 THEN
        RETURN;
    END IF;
    PERFORM h.holder FROM ledger.credit_holder AS h WHERE h.holder = ANY (v_from || v_to) ORDER BY h.holder FOR UPDATE;
    FOR v IN -- every debt that was made good in these holders, as if no lot could
        SELECT l.holder, array_agg(l.id ORDER BY l.id) AS ids, array_agg(-l.repaid ORDER BY l.id) AS give,
               array_agg(l.repaid ORDER BY l.id) AS gave, array_agg(-l.covered ORDER BY l.id) AS get,
               array_agg(l.covered ORDER BY l.id) AS got
          FROM ledger.credit_lot AS l
         WHERE l.holder = ANY (v_from) AND (l.repaid > 0 OR l.covered > 0)
         GROUP BY l.holder ORDER BY l.holder
    LOOP
        PERFORM ledger.post_credit(v.holder, 'debt_repaid', ARRAY[v.ids[c.giver], v.ids[c.getter]], ARRAY[-c.amount, c.amount],
                                   (SELECT greatest(d.claw_at, d.effective_at, g.effective_at)
                                      FROM ledger.credit_lot AS d, ledger.credit_lot AS g
                                     WHERE d.id = v.ids[c.getter] AND g.id = v.ids[c.giver]), NULL, p_context)
           FROM ledger.credit_pairs(v.give, v.gave, v.get, v.got, array_fill(NULL::integer, ARRAY[cardinality(v.ids)])) AS c;
    END LOOP;
    FOR v IN
        SELECT l.holder, l.subscription, array_agg(l.id ORDER BY l.id) AS ids, array_agg(l.remaining ORDER BY l.id) AS amounts
          FROM ledger.subscription AS s
          JOIN ledger.credit_lot AS l ON l.account = s.account AND l.subscription = s.id
         WHERE s.account = p_account AND s.customer = p_customer AND l.holder <> v_to
         GROUP BY l.holder, l.subscription ORDER BY l.holder, l.subscription COLLATE "C"
    LOOP
        SELECT * INTO STRICT v_out FROM ledger.credit_holder AS h WHERE h.holder = v.holder;
        SELECT * INTO STRICT v_in FROM ledger.credit_holder AS h WHERE h.holder = v_to;
        v_amount := (SELECT sum(a) FROM unnest(v.amounts) AS a);
        INSERT INTO ledger.credit_entry
            (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, account, subscription,
             source, effective_at, recorded_at, turn, event_id)
        SELECT m.holder, m.n, m.kind, m.amount, m.balance, m.balance + m.amount, v.ids,
               ARRAY(SELECT a * sign(m.sign)::bigint FROM unnest(v.amounts) WITH ORDINALITY AS u (a, o) ORDER BY o),
               m.kind || ':' || p_account || ':' || v.subscription || ':' || m.n, p_account, v.subscription, m.source, p_at,
               clock_timestamp(), (p_context ->> 'turn')::uuid, ledger.credit_event(p_context, ARRAY[v.subscription, p_customer])
          FROM (VALUES (v_out.holder, v_out.entries + 1, 'moved_out', -v_amount, v_out.balance, -1, v_to),
                       (v_to, v_in.entries + 1, 'moved_in', v_amount, v_in.balance, 1, v_out.holder))
               AS m (holder, n, kind, amount, balance, sign, source);
        UPDATE ledger.credit_lot AS l SET holder = v_to WHERE l.id = ANY (v.ids);
    END LOOP;
    IF EXISTS (SELECT FROM unnest(v_from) AS f (holder) JOIN ledger.credit_holder AS h ON h.holder = f.holder
                WHERE h.clock_at IS NOT NULL) THEN
        UPDATE ledger.credit_holder AS h
           SET clock_at = greatest(h.clock_at, (SELECT max(f.clock_at) FROM ledger.credit_holder AS f WHERE f.holder = ANY (v_from)))
         WHERE h.holder = v_to;
    END IF;
    PERFORM ledger.settle_credits(h.holder, p_at, p_context)
       FROM (SELECT f.holder FROM unnest(v_from || v_to) AS f (holder) ORDER BY f.holder) AS h;
END
$$;
RESET ROLE;
