-- ledger.spend_credits: take credits of a user, if there are enough; atomic, never below zero, once per key.
--   p_amount  a whole number from 1 on
--   p_key     names this one action of the application, up to 500 characters; tried again with the same key it is taken once
--   Returns   one row. accepted false: not enough, nothing was taken or recorded. replayed: the key had been used for the same.
--             balance is what can be spent now, credit_limit what was given of it
--   Errors    IS002 the key was used for something else, IS010 unknown user, IS011 amount not positive, IS012 no whole number or
--             beyond int64, IS013 key missing, empty or too long
--   Cost      with nothing due, a new key and enough in the first lot: takes the holder's row, then looks for the key, moves the lot
--             and writes the entry in one statement. Everything else is left to ledger.spend_at
--   Locks     the holder's row FOR NO KEY UPDATE; before that, if something is due, customers and users
--   Source    docs/credits.md, "Spending"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.spend_credits(text, numeric, text, text);
CREATE FUNCTION ledger.spend_credits(p_user text, p_amount numeric, p_key text, p_note text DEFAULT NULL,
                                     OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                     OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_holder text := 'user:' || p_user;
    v_key text := 'app:' || p_key;
    v_at timestamptz := ledger.clock();
    v_before bigint;
    v_entries bigint;
    v_clock timestamptz;
    v record;
BEGIN
    IF p_amount > 0 AND p_amount <= 9223372036854775807 AND p_amount = trunc(p_amount) AND length(p_key) BETWEEN 1 AND 500
        AND octet_length(p_user) + octet_length(p_key) <= 2560 AND (p_note IS NULL OR length(p_note) <= 2000) THEN
        amount := p_amount;
        SELECT h.balance, h.entries, h.credit_limit, h.clock_at INTO v_before, v_entries, credit_limit, v_clock
          FROM ledger.credit_holder AS h
         WHERE h.holder = v_holder AND (h.next_due_at IS NULL OR h.next_due_at > greatest(v_at, h.clock_at)) FOR NO KEY UPDATE;
        IF v_before >= amount THEN
            WITH taken AS (
                UPDATE ledger.credit_lot AS l SET spent = l.spent + spend_credits.amount
                 WHERE l.id = (SELECT o.id FROM ledger.credit_lot AS o WHERE o.holder = v_holder AND o.open
                                ORDER BY o.expires_at, o.effective_at, o.kind, o.item, o.id LIMIT 1)
                   AND l.remaining >= spend_credits.amount
                   AND NOT EXISTS (SELECT FROM ledger.credit_entry AS k WHERE k.holder = v_holder AND k.idempotency_key = v_key)
                RETURNING l.id
            )
            INSERT INTO ledger.credit_entry AS e (holder, n, kind, amount, balance_before, balance_after, lots, amounts,
                                                  idempotency_key, note, effective_at, recorded_at)
            SELECT v_holder, v_entries + 1, 'spent', -spend_credits.amount, v_before, v_before - spend_credits.amount, ARRAY[t.id],
                   ARRAY[-spend_credits.amount], v_key, p_note, greatest(v_at, v_clock), v_at
              FROM taken AS t
            RETURNING true, false, e.balance_after, e.id INTO accepted, replayed, balance, entry;
            IF accepted THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    v := ledger.spend_at(p_user, p_amount, p_key, p_note, v_at);
    accepted := v.accepted;
    replayed := v.replayed;
    amount := v.amount;
    balance := v.balance;
    credit_limit := v.credit_limit;
    entry := v.entry;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.spend_credits(text, numeric, text, text) TO instep_app;
RESET ROLE;
