-- ledger.converge_credits: make lots and conversions of a customer's subscriptions what the rules say.
--   p_subscriptions  ids; NULL: all of the customer's
--   p_context  of ledger.apply_turn, or {}: an operator's doing, or time alone
--   p_at       the time that it is, of ledger.clock(); for subscriptions on a test clock it is at least the newest moment that Stripe
--              has told of their customer
--   Returns    {"entries": n, "changes": [{"what", "before", "after"}]}
--   Also sets  subscription.credits_due_at and credit_holder.clock_at; clears subscription.credits_error
--   Locks      the holder's row; the caller holds the customer's row, then those of its users
--   Source     docs/credits.md
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.converge_credits(p_account text, p_customer text, p_subscriptions text[], p_context jsonb,
                                                   p_at timestamptz) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_changes jsonb;
    v_sub ledger.subscription;
    v_holder text;
    v_at timestamptz;
    v_due timestamptz;
    v_more jsonb[];
    v_targets jsonb[] := '{}';
    v_looked boolean := false;
    v_booked jsonb;
BEGIN
    IF p_customer IS NULL THEN
        RETURN '{"entries": 0, "changes": []}';
    END IF;
    v_changes := ledger.converge_conversions(p_account, p_customer, p_subscriptions, p_context);
    FOR v_sub IN SELECT s.* FROM ledger.subscription AS s
                  WHERE s.account = p_account AND s.customer = p_customer
                    AND (p_subscriptions IS NULL OR s.id = ANY (p_subscriptions)) ORDER BY s.id COLLATE "C" LOOP
        v_due := NULL;
        IF ledger.may_give_credits(v_sub) THEN
            IF v_holder IS NULL THEN
                v_holder := ledger.credit_holder_of(p_account, p_customer);
                IF EXISTS (SELECT FROM ledger.credit_lot AS l
                            WHERE l.account = p_account AND l.subscription = v_sub.id AND l.holder <> v_holder) THEN
                    PERFORM ledger.move_credits(p_account, p_customer, p_context, p_at);
                END IF;
            END IF;
            v_at := p_at;
            IF v_sub.test_clock IS NOT NULL THEN
                UPDATE ledger.credit_holder AS h SET clock_at = m.at
                  FROM (SELECT max(n.at) AS at
                          FROM (SELECT i.current_period_start AS at FROM ledger.subscription_item AS i
                                 WHERE i.account = p_account AND i.subscription = v_sub.id
                                UNION ALL
                                SELECT ops.moment_or_null(e.value -> 'created', 1)
                                  FROM jsonb_array_elements(coalesce(p_context -> 'events', '[]')) AS e) AS n) AS m
                 WHERE h.holder = v_holder AND (h.clock_at IS NULL OR h.clock_at < m.at);
                v_at := greatest(p_at, (SELECT h.clock_at FROM ledger.credit_holder AS h WHERE h.holder = v_holder));
            END IF;
            SELECT g.targets, g.due_at INTO v_more, v_due FROM ledger.grant_targets(p_account, v_sub.id, v_at) AS g;
            v_targets := v_targets || v_more;
        END IF;
        IF v_due IS DISTINCT FROM v_sub.credits_due_at THEN
            v_looked := true; -- the holder is due when its subscriptions are
            UPDATE ledger.subscription AS s SET credits_due_at = v_due, credits_error = NULL
             WHERE s.account = p_account AND s.id = v_sub.id;
        ELSIF v_sub.credits_error IS NOT NULL THEN
            UPDATE ledger.subscription AS s SET credits_error = NULL WHERE s.account = p_account AND s.id = v_sub.id;
        END IF;
    END LOOP;
    -- Without a target that says otherwise, lots change by time alone, and the holder knows when.
    IF v_holder IS NULL OR cardinality(v_targets) = 0 AND NOT v_looked AND NOT EXISTS (
           SELECT FROM ledger.credit_holder AS h WHERE h.holder = v_holder AND h.next_due_at <= greatest(p_at, h.clock_at)) THEN
        RETURN jsonb_build_object('entries', 0, 'changes', v_changes);
    END IF;
    v_booked := ledger.book_credits(v_holder, v_targets, p_context, p_at);
    RETURN jsonb_build_object('entries', v_booked -> 'entries', 'changes', v_changes || (v_booked -> 'changes'));
END
$$;
RESET ROLE;
