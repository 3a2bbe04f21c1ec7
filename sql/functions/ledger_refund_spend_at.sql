-- ledger.refund_spend_at: give back what was spent, at a moment; ledger.refund_spend with a clock of one's own.
--   It goes to the lots that it came from, last burnt first; what comes back to a lot that has expired expires at once, and what
--   comes back to one of which something is claimed back goes there.
--   entry     id of the entry
--   Locks     as ledger.spend_at
--   Errors    IS002 the key was used for something else; IS010 to IS013 as ledger.spend_at; IS014 no such spend, or more than is left
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.refund_spend_at(text, text, numeric, text, text, timestamptz);
CREATE FUNCTION ledger.refund_spend_at(p_user text, p_spend_key text, p_amount numeric, p_key text, p_note text, p_at timestamptz,
                                       OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                       OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_holder text := 'user:' || p_user;
    v_row ledger.credit_holder;
    v_at timestamptz;
    v_old ledger.credit_entry;
    v_spend ledger.credit_entry;
    v record;
    v_lots bigint[] := '{}';
    v_amounts bigint[] := '{}';
    v_left numeric := p_amount; -- to find yet; NULL: all there is
    v_total numeric := 0;
    v_settle boolean;
BEGIN
    PERFORM ledger.check_credit_input(p_user, coalesce(p_amount, 1), p_key, p_note);
    v_row := ledger.ready_holder(p_user, p_at);
    v_at := greatest(p_at, v_row.clock_at);
    accepted := true;
    replayed := false;
    SELECT * INTO v_old FROM ledger.credit_entry AS e WHERE e.holder = v_holder AND e.idempotency_key = 'app:' || p_key;
    IF FOUND THEN
        IF v_old.kind <> 'spend_returned' OR v_old.source IS DISTINCT FROM p_spend_key OR v_old.amount <> p_amount THEN
            RAISE EXCEPTION 'idempotency key % of user % was used for %', quote_literal(p_key), quote_literal(p_user),
                replace(v_old.kind, '_', ' ') || ' ' || abs(v_old.amount) || coalesce(' of ' || quote_literal(v_old.source), '')
                || ', now it is to give back ' || coalesce(p_amount::text, 'the rest') || ' of ' || coalesce(quote_literal(p_spend_key), 'NULL')
                USING ERRCODE = 'IS002', HINT = 'Another action needs another key.';
        END IF;
        replayed := true;
        amount := v_old.amount;
        entry := v_old.id;
        balance := v_row.balance;
        credit_limit := v_row.credit_limit;
        RETURN;
    END IF;
    SELECT * INTO v_spend FROM ledger.credit_entry AS e
     WHERE e.holder = v_holder AND e.idempotency_key = 'app:' || p_spend_key AND e.kind = 'spent';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % has no spend with the key %', quote_literal(p_user), coalesce(quote_literal(p_spend_key), 'NULL')
            USING ERRCODE = 'IS014', HINT = 'Name the idempotency key of the spend; one that was not accepted was not recorded.';
    END IF;
    FOR v IN -- lots that have gone to somebody else since are not asked
        SELECT s.lot, l.expires_at, l.claw_target,
               -s.amount - (SELECT coalesce(sum(r.amount), 0)
                              FROM ledger.credit_entry AS e CROSS JOIN LATERAL unnest(e.lots, e.amounts) AS r (lot, amount)
                             WHERE e.holder = v_holder AND e.kind = 'spend_returned' AND e.source = p_spend_key
                               AND r.lot = s.lot) AS amount
          FROM unnest(v_spend.lots, v_spend.amounts) WITH ORDINALITY AS s (lot, amount, place)
          JOIN ledger.credit_lot AS l ON l.id = s.lot AND l.holder = v_holder
         ORDER BY s.place DESC
    LOOP
        v_total := v_total + v.amount;
        CONTINUE WHEN v.amount = 0 OR v_left = 0;
        v.amount := least(v.amount, v_left);
        v_left := v_left - v.amount;
        v_lots := v_lots || v.lot;
        v_amounts := v_amounts || v.amount::bigint;
        v_settle := v_settle IS TRUE OR v.expires_at <= v_at OR v.claw_target > 0;
    END LOOP;
    IF v_left > 0 OR v_total = 0 THEN
        RAISE EXCEPTION 'of spend % of user % % are left to give back, asked for %', quote_literal(p_spend_key),
            quote_literal(p_user), v_total, coalesce(p_amount::text, 'the rest')
            USING ERRCODE = 'IS014', HINT = 'Ask for less, or for NULL: what is left of it.';
    END IF;
    amount := (SELECT sum(a) FROM unnest(v_amounts) AS a);
    UPDATE ledger.credit_lot AS l SET spent = l.spent - b.amount FROM unnest(v_lots, v_amounts) AS b (id, amount) WHERE l.id = b.id;
    INSERT INTO ledger.credit_entry AS e
        (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, source, note, effective_at, recorded_at)
    VALUES (v_holder, v_row.entries + 1, 'spend_returned', refund_spend_at.amount, v_row.balance,
            v_row.balance + refund_spend_at.amount, v_lots, v_amounts, 'app:' || p_key, p_spend_key, p_note, v_at, v_at)
    RETURNING e.id INTO entry;
    IF v_settle OR v_row.balance < 0 THEN
        PERFORM ledger.settle_credits(v_holder, p_at, jsonb_build_object('moment', ceil(extract(epoch FROM v_at))));
    END IF;
    SELECT h.balance, h.credit_limit INTO balance, credit_limit FROM ledger.credit_holder AS h WHERE h.holder = v_holder;
END
$$;
RESET ROLE;
