-- ledger.grant_at: give a user credits by hand, at a moment; ledger.grant_credits with a clock of one's own.
--   They are a lot of kind manual, of no plan; a debt takes from it first.
--   entry     id of the entry
--   Locks     as ledger.spend_at
--   Errors    IS002 the key was used for something else; IS010 to IS013 as ledger.spend_at (IS012 also if the balance would be beyond
--             10^18, with what was spent of live lots); IS015 they would have expired already
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.grant_at(text, numeric, text, text, timestamptz, timestamptz);
CREATE FUNCTION ledger.grant_at(p_user text, p_amount numeric, p_key text, p_note text, p_expires_at timestamptz, p_at timestamptz,
                                OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_holder text := 'user:' || p_user;
    v_row ledger.credit_holder;
    v_at timestamptz;
    v_old ledger.credit_entry;
    v_lot bigint;
    v_expires timestamptz := nullif(p_expires_at, 'infinity');
BEGIN
    PERFORM ledger.check_credit_input(p_user, p_amount, p_key, p_note);
    v_row := ledger.ready_holder(p_user, p_at);
    v_at := greatest(p_at, v_row.clock_at);
    accepted := true;
    replayed := false;
    amount := p_amount;
    SELECT * INTO v_old FROM ledger.credit_entry AS e WHERE e.holder = v_holder AND e.idempotency_key = 'app:' || p_key;
    IF FOUND THEN
        IF v_old.kind <> 'granted' OR v_old.amount <> p_amount
            OR v_expires IS DISTINCT FROM (SELECT l.expires_at FROM ledger.credit_lot AS l WHERE l.id = v_old.lots[1]) THEN
            RAISE EXCEPTION 'idempotency key % of user % was used for %', quote_literal(p_key), quote_literal(p_user),
                replace(v_old.kind, '_', ' ') || ' ' || abs(v_old.amount) || ', now it is to grant ' || p_amount
                || coalesce(' until ' || v_expires, '')
                USING ERRCODE = 'IS002', HINT = 'Another action needs another key.';
        END IF;
        replayed := true;
        entry := v_old.id;
        balance := v_row.balance;
        credit_limit := v_row.credit_limit;
        RETURN;
    END IF;
    IF v_expires <= v_at THEN
        RAISE EXCEPTION 'credits that expire at % would have expired already', v_expires
            USING ERRCODE = 'IS015', HINT = 'Give a moment to come, or none: they never expire then.';
    END IF;
    -- Not up to the end of int64: what plans give afterwards must fit as well, or the turn that says so would fail.
    IF greatest(v_row.balance, v_row.credit_limit) + p_amount > 1000000000000000000 THEN
        RAISE EXCEPTION 'amount % would take the balance of user % beyond 1000000000000000000', p_amount, quote_literal(p_user)
            USING ERRCODE = 'IS012', HINT = 'Grant less.';
    END IF;
    INSERT INTO ledger.credit_lot AS l (holder, kind, due, effective_at, expires_at, granted, booked, manual_key)
    VALUES (v_holder, 'manual', grant_at.amount, v_at, v_expires, grant_at.amount, 1, p_key)
    RETURNING l.id INTO v_lot;
    INSERT INTO ledger.credit_entry AS e
        (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, note, effective_at, recorded_at)
    VALUES (v_holder, v_row.entries + 1, 'granted', grant_at.amount, v_row.balance, v_row.balance + grant_at.amount, ARRAY[v_lot],
            ARRAY[grant_at.amount], 'app:' || p_key, p_note, v_at, v_at)
    RETURNING e.id INTO entry;
    IF v_row.balance < 0 THEN
        PERFORM ledger.settle_credits(v_holder, p_at, '{}');
        SELECT h.balance, h.credit_limit INTO balance, credit_limit FROM ledger.credit_holder AS h WHERE h.holder = v_holder;
    ELSE -- no debt to make good, so no other lot changes, however many there are
        UPDATE ledger.credit_holder AS h
           SET credit_limit = h.credit_limit + grant_at.amount, next_due_at = least(h.next_due_at, v_expires)
         WHERE h.holder = v_holder
        RETURNING h.balance, h.credit_limit INTO balance, credit_limit;
    END IF;
END
$$;
RESET ROLE;
