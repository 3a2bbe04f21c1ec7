-- ledger.post_credit: one entry that a rule makes: moves the lots' counters and the holder's chain together.
--   p_kind       of ledger.credit_kind, but not spent: ledger.spend_at does that in fewer steps
--   p_lots       the lots, the first of which names the entry: its account, subscription and plan, and its key
--   p_amounts    what each line does to what remains of its lot. rolled_over and debt_repaid have two lines, which sum to zero:
--                the first lot gives and the second gets (or, with the signs turned, back)
--   p_effective  when it takes effect
--   p_more       {"transition", "source", "facts", "note", "event"}, each optional
--   p_context    of ledger.apply_turn, or {}
--   Returns      the entry's id. Its key is <kind>:<account>:<item>:<period_start>:<lot kind>:<plan>:<version>:<n>, n counting the
--                entries that rules made for the lot
--   Locks        none; the caller holds the holder's row
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.post_credit(p_holder text, p_kind text, p_lots bigint[], p_amounts bigint[],
                                              p_effective timestamptz, p_more jsonb, p_context jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_lot ledger.credit_lot;
    v_amount bigint := (SELECT sum(a) FROM unnest(p_amounts) AS a);
    v_id bigint;
BEGIN
    UPDATE ledger.credit_lot AS l
       SET booked = l.booked + CASE WHEN c.place = 1 THEN 1 ELSE 0 END,
           granted = l.granted + CASE WHEN p_kind = 'granted' OR p_kind = 'rolled_over' AND c.place = 2 THEN c.amount ELSE 0 END,
           spent = l.spent - CASE WHEN p_kind = 'spend_returned' THEN c.amount ELSE 0 END,
           clawed = l.clawed - CASE WHEN p_kind IN ('clawed_back', 'clawback_returned') THEN c.amount ELSE 0 END,
           covered = l.covered + CASE WHEN p_kind = 'debt_repaid' AND c.place = 2 THEN c.amount ELSE 0 END,
           repaid = l.repaid - CASE WHEN p_kind = 'debt_repaid' AND c.place = 1 THEN c.amount ELSE 0 END,
           rolled = l.rolled - CASE WHEN p_kind = 'rolled_over' AND c.place = 1 THEN c.amount ELSE 0 END,
           expired = l.expired - CASE WHEN p_kind IN ('expired', 'unexpired') THEN c.amount ELSE 0 END
      FROM unnest(p_lots, p_amounts) WITH ORDINALITY AS c (id, amount, place)
     WHERE l.id = c.id;
    SELECT * INTO STRICT v_lot FROM ledger.credit_lot AS l WHERE l.id = p_lots[1];
    INSERT INTO ledger.credit_entry
        (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, account, subscription,
         plan_key, plan_version, transition, source, facts, note, effective_at, recorded_at, turn, event_id)
    SELECT p_holder, h.entries + 1, p_kind, v_amount, h.balance, h.balance + v_amount, p_lots, p_amounts,
           CASE p_kind WHEN 'granted' THEN 'grant' WHEN 'clawed_back' THEN 'claw' WHEN 'clawback_returned' THEN 'unclaw'
                       WHEN 'expired' THEN 'expire' WHEN 'unexpired' THEN 'unexpire' WHEN 'rolled_over' THEN 'roll'
                       WHEN 'debt_repaid' THEN 'repay' ELSE p_kind END
           || ':' || CASE WHEN v_lot.kind = 'manual' THEN 'manual:' || v_lot.manual_key
                          ELSE concat_ws(':', v_lot.account, v_lot.item, extract(epoch FROM v_lot.period_start)::bigint,
                                         v_lot.kind, v_lot.plan_key, v_lot.plan_version) END || ':' || v_lot.booked,
           nullif(v_lot.account, ''), v_lot.subscription, v_lot.plan_key, v_lot.plan_version, p_more ->> 'transition',
           p_more ->> 'source', nullif(p_more -> 'facts', 'null'), p_more ->> 'note', p_effective, clock_timestamp(),
           (p_context ->> 'turn')::uuid, p_more ->> 'event'
      FROM ledger.credit_holder AS h WHERE h.holder = p_holder
    RETURNING id INTO STRICT v_id;
    RETURN v_id;
END
$$;
RESET ROLE;
