-- ledger.spend_at: take credits at a moment, whatever there is to know of it: what is due, keys that were used, several lots.
--   ledger.spend_credits does the common case itself, and asks this for all others.
--   Burnt first is what expires first, then what was given first, then by kind, item and age.
--   accepted  false: there was not enough, nothing is recorded, and the same key may be tried again
--   replayed  the key was used before for the same: nothing is taken again
--   balance, credit_limit  as they are after it
--   entry     id of the entry; NULL if not accepted
--   Locks     the holder's row FOR NO KEY UPDATE; before that, if something is due, customers and users
--   Errors    IS002 the key was used for something else; IS010 to IS013 of ledger.check_credit_input and ledger.ready_holder
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.spend_at(text, numeric, text, text, timestamptz);
CREATE FUNCTION ledger.spend_at(p_user text, p_amount numeric, p_key text, p_note text, p_at timestamptz,
                                OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_holder text := 'user:' || p_user;
    v_key text := 'app:' || p_key;
    v_row ledger.credit_holder;
    v_kind text;
    v_lots bigint[];
    v_amounts bigint[];
    v_left bigint;
    v record;
BEGIN
    PERFORM ledger.check_credit_input(p_user, p_amount, p_key, p_note);
    amount := p_amount;
    replayed := false;
    v_row := ledger.ready_holder(p_user, p_at);
    balance := v_row.balance;
    credit_limit := v_row.credit_limit;

    SELECT e.id, e.kind, e.amount INTO entry, v_kind, v_left FROM ledger.credit_entry AS e
     WHERE e.holder = v_holder AND e.idempotency_key = v_key;
    IF FOUND THEN
        IF v_kind <> 'spent' OR v_left <> -amount THEN
            RAISE EXCEPTION 'idempotency key % of user % was used for %', quote_literal(p_key), quote_literal(p_user),
                replace(v_kind, '_', ' ') || ' ' || abs(v_left) || ', now it is to spend ' || amount
                USING ERRCODE = 'IS002', HINT = 'Another action needs another key.';
        END IF;
        accepted := true;
        replayed := true;
        RETURN;
    END IF;
    IF amount > balance THEN
        accepted := false;
        RETURN;
    END IF;

    v_left := amount;
    FOR v IN SELECT o.id, o.remaining FROM ledger.credit_lot AS o WHERE o.holder = v_holder AND o.open
              ORDER BY o.expires_at, o.effective_at, o.kind, o.item, o.id
              LIMIT v_left LOOP -- each has at least one; and with a limit they are read in order, not sorted
        v_lots := v_lots || v.id;
        v_amounts := v_amounts || -least(v_left, v.remaining);
        v_left := v_left - least(v_left, v.remaining);
        EXIT WHEN v_left = 0;
    END LOOP;
    UPDATE ledger.credit_lot AS l SET spent = l.spent - b.amount FROM unnest(v_lots, v_amounts) AS b (id, amount)
     WHERE l.id = b.id;
    INSERT INTO ledger.credit_entry AS e
        (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, note, effective_at, recorded_at)
    VALUES (v_holder, v_row.entries + 1, 'spent', -spend_at.amount, v_row.balance, v_row.balance - spend_at.amount, v_lots,
            v_amounts, v_key, p_note, greatest(p_at, v_row.clock_at), p_at)
    RETURNING e.id INTO entry;
    balance := v_row.balance - amount;
    accepted := true;
END
$$;
RESET ROLE;
