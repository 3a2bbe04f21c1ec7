-- ledger.ready_holder: a user's row of credits, locked and settled for a moment: whatever time alone was due to change has been.
--   Returns  the row; next_due_at is later than p_at
--   Locks    what ledger.credits_due_of locks, if something is due; then the row FOR NO KEY UPDATE
--   Errors   IS010 nobody has heard of this user
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.ready_holder(p_user text, p_at timestamptz) RETURNS ledger.credit_holder
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v ledger.credit_holder;
BEGIN
    SELECT * INTO v FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM ledger.app_user AS u WHERE u.id = p_user) THEN
            RAISE EXCEPTION 'unknown user %: no customer, subscription or link has named it', coalesce(quote_literal(p_user), 'NULL')
                USING ERRCODE = 'IS010', HINT = 'Use the id that Stripe''s metadata or `instep link` gives; grants come after that.';
        END IF;
        INSERT INTO ledger.credit_holder (holder, user_id) VALUES ('user:' || p_user, p_user) ON CONFLICT DO NOTHING;
    ELSIF v.next_due_at <= greatest(p_at, v.clock_at) THEN
        -- Subscriptions are locked before holders, so this comes before the row is taken.
        IF to_regprocedure('ledger.credits_due_of(text)') IS NOT NULL THEN
            PERFORM ledger.credits_due_of(p_user);
        END IF;
    END IF;
    SELECT * INTO STRICT v FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user FOR NO KEY UPDATE;
    IF v.next_due_at <= greatest(p_at, v.clock_at) THEN
        PERFORM ledger.settle_credits(v.holder, p_at, '{}');
        SELECT * INTO STRICT v FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user;
    END IF;
    RETURN v;
END
$$;
RESET ROLE;
