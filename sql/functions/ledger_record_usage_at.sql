-- ledger.record_usage_at: count use of a meter, at a moment; ledger.record_usage with a clock of one's own.
--   accepted  false: a hard limit is in the way, or the user is not entitled; nothing is recorded
--   Locks     the row of user, meter and period FOR UPDATE
--   Errors    IS002 the key was used with another number; IS010 unknown user; IS011, IS012 of the number; IS013 key, note or meter
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.record_usage_at(text, text, numeric, text, text, timestamptz);
CREATE FUNCTION ledger.record_usage_at(p_user text, p_meter text, p_n numeric, p_key text, p_note text, p_at timestamptz,
                                       OUT accepted boolean, OUT replayed boolean, OUT used bigint, OUT usage_limit bigint,
                                       OUT remaining bigint, OUT period_start timestamptz, OUT period_end timestamptz)
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_at timestamptz;
    v_old ledger.usage_entry;
    v_right record;
    v_limit jsonb;
    v_hard boolean;
BEGIN
    PERFORM ledger.check_credit_input(p_user, p_n, p_key, p_note);
    IF p_meter IS NULL OR length(p_meter) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'meter % is not a name of 1 to 100 characters', coalesce(quote_literal(left(p_meter, 120)), 'NULL')
            USING ERRCODE = 'IS013', HINT = 'Name the meter as the plan''s limits do.';
    END IF;
    IF octet_length(p_user) + octet_length(p_meter) + octet_length(p_key) > 2560 THEN
        RAISE EXCEPTION 'idempotency key, user and meter have % bytes, at most 2560 are allowed: %…',
            octet_length(p_user) + octet_length(p_meter) + octet_length(p_key), left(p_key, 40)
            USING ERRCODE = 'IS013', HINT = 'Give a shorter key, or its hash.';
    END IF;
    replayed := false;
    SELECT * INTO v_old FROM ledger.usage_entry AS e
     WHERE e.user_id = p_user AND e.meter = p_meter AND e.idempotency_key = p_key;
    IF NOT FOUND THEN
        IF NOT EXISTS (SELECT FROM ledger.app_user AS u WHERE u.id = p_user) THEN
            RAISE EXCEPTION 'unknown user %: no customer, subscription or link has named it', quote_literal(p_user)
                USING ERRCODE = 'IS010', HINT = 'Use the id that Stripe''s metadata or `instep link` gives.';
        END IF;
        v_at := greatest(p_at, (SELECT h.clock_at FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user));
        SELECT * INTO STRICT v_right FROM ledger.entitlement(p_user, v_at);
        period_start := v_right.period_start;
        period_end := v_right.period_end;
        IF period_start IS NULL OR v_at < period_start OR v_at >= period_end THEN -- by the calendar of UTC
            v_right.subscription := NULL;
            period_start := date_trunc('month', v_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
            period_end := ledger.months_after(period_start, 1);
        END IF;
        v_limit := v_right.limits -> p_meter;
        IF v_right.entitled THEN
            usage_limit := v_limit ->> 'limit';
            v_hard := coalesce((v_limit ->> 'hard')::boolean, false);
        ELSE
            usage_limit := 0;
            v_hard := true;
        END IF;
        used := coalesce((SELECT u.used FROM ledger.usage_period AS u WHERE u.user_id = p_user AND u.meter = p_meter
                             AND u.period_start = record_usage_at.period_start), 0);
        IF NOT (v_hard AND used + p_n > usage_limit) THEN
            INSERT INTO ledger.usage_period (user_id, meter, period_start, period_end, account, subscription)
            VALUES (p_user, p_meter, record_usage_at.period_start, record_usage_at.period_end,
                    CASE WHEN v_right.subscription IS NOT NULL THEN v_right.account END, v_right.subscription)
            ON CONFLICT ON CONSTRAINT usage_period_pkey DO NOTHING;
            SELECT u.used INTO STRICT used FROM ledger.usage_period AS u
             WHERE u.user_id = p_user AND u.meter = p_meter AND u.period_start = record_usage_at.period_start FOR UPDATE;
        END IF;
        accepted := NOT (v_hard AND used + p_n > usage_limit);
        IF NOT accepted THEN -- perhaps it was this very call, tried again while the first was under way, that used it up
            SELECT * INTO v_old FROM ledger.usage_entry AS e
             WHERE e.user_id = p_user AND e.meter = p_meter AND e.idempotency_key = p_key;
        END IF;
        IF accepted AND used + p_n > 9223372036854775807 THEN
            RAISE EXCEPTION '% more of meter % of user % would be beyond 9223372036854775807', p_n, quote_literal(p_meter),
                quote_literal(p_user) USING ERRCODE = 'IS012', HINT = 'Count in larger units.';
        END IF;
        IF accepted THEN
            INSERT INTO ledger.usage_entry (user_id, meter, period_start, n, used_before, used_after, usage_limit, idempotency_key, note)
            VALUES (p_user, p_meter, record_usage_at.period_start, p_n::bigint, used, used + p_n::bigint, record_usage_at.usage_limit,
                    p_key, p_note)
            ON CONFLICT ON CONSTRAINT usage_entry_key_once DO NOTHING;
            IF FOUND THEN
                used := used + p_n::bigint;
                UPDATE ledger.usage_period AS u SET used = record_usage_at.used
                 WHERE u.user_id = p_user AND u.meter = p_meter AND u.period_start = record_usage_at.period_start;
            ELSE -- the same call at the same moment was quicker
                SELECT * INTO STRICT v_old FROM ledger.usage_entry AS e
                 WHERE e.user_id = p_user AND e.meter = p_meter AND e.idempotency_key = p_key;
            END IF;
        END IF;
    END IF;
    IF v_old.id IS NOT NULL THEN
        IF v_old.n <> p_n THEN
            RAISE EXCEPTION 'idempotency key % of user % was used for % of meter %, now for %', quote_literal(p_key),
                quote_literal(p_user), v_old.n, quote_literal(p_meter), p_n
                USING ERRCODE = 'IS002', HINT = 'Another action needs another key.';
        END IF;
        accepted := true;
        replayed := true;
        usage_limit := v_old.usage_limit;
        SELECT u.used, u.period_start, u.period_end INTO STRICT used, period_start, period_end FROM ledger.usage_period AS u
         WHERE u.user_id = p_user AND u.meter = p_meter AND u.period_start = v_old.period_start;
    END IF;
    remaining := greatest(usage_limit - used, 0);
    IF usage_limit IS NULL THEN
        remaining := NULL;
    END IF;
END
$$;
RESET ROLE;
