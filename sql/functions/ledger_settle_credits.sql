-- ledger.settle_credits: make a holder's lots what the rules say of them at a moment, and book the differences.
--   p_at       the moment; on a Stripe test clock, not before credit_holder.clock_at
--   p_context  of ledger.apply_turn, or {}: time alone; "moment" (unix seconds): since when lots have what they got back just before
--   Returns    how many entries it took
--   What was granted, spent and claimed back (claw_target) are facts. Everything else of a lot follows from these of all lots, the
--   moment, and nothing else, so any order of the same facts ends with the same lots. In order of expiry (then effective_at, kind, item):
--   - what was carried over and then spent stays carried over: first out of what nobody claims back
--   - clawed: what is claimed back, out of all that was not spent, also out of what had expired. What is missing is a shortfall,
--     or, if the plan says negative, a debt: the lot goes below zero
--   - repaid, covered: a debt is made good by whatever is left of lots that expired or will expire after it arose (claw_at),
--     earliest expiry first, older debts first
--   - rolled: at its end, a lot with a cap goes on, together with the others of its item that end then, into a rollover lot
--     beside the period lot that starts then, up to the greatest of their caps. Without such a lot nothing goes on.
--   - expired: the rest, at its end
--   Locks      the holder's row FOR UPDATE
--   Source     docs/credits.md, "Boundaries"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.settle_credits(p_holder text, p_at timestamptz, p_context jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_holder ledger.credit_holder;
    v_at timestamptz;
    v record;
    -- One place per lot, in the order above.
    n integer := 0;
    v_id bigint[] := '{}';
    v_is_rollover boolean[] := '{}';
    v_granted bigint[] := '{}';
    v_spent bigint[] := '{}';
    v_target bigint[] := '{}';
    v_negative boolean[] := '{}';
    v_claw_at timestamptz[] := '{}';
    v_returned_at timestamptz[] := '{}';
    v_effective timestamptz[] := '{}';
    v_moment timestamptz[];             -- since when it has what it got back here
    v_expires timestamptz[] := '{}';
    v_cap bigint[] := '{}';
    v_into integer[] := '{}';           -- place of the rollover lot that it goes into; NULL: none
    v_into_id bigint[] := '{}';
    v_goes_on boolean[] := '{}';        -- the period after it is there
    v_from bigint[] := '{}';
    v_clawed0 bigint[] := '{}';         -- as booked
    v_covered0 bigint[] := '{}';
    v_repaid0 bigint[] := '{}';
    v_rolled0 bigint[] := '{}';
    v_expired0 bigint[] := '{}';
    v_short0 bigint[] := '{}';
    v_claw_source text[] := '{}';
    v_clawed bigint[];                  -- as it should be
    v_covered bigint[];
    v_repaid bigint[];
    v_rolled bigint[];
    v_expired bigint[];
    v_short bigint[];
    v_in bigint[];                      -- carried over into it
    v_pin bigint[];                     -- of what it carries over, spent after that
    v_room bigint[];                    -- greatest cap of what goes into it
    v_flow bigint[];
    v_free bigint[];
    v_first integer[];
    v_last integer[];
    v_rolls boolean := false;
    v_elsewhere boolean := false;       -- some of what is carried over goes into another lot than it was booked into
    v_missing bigint[] := '{}';         -- lots that something should be carried over of, with nothing to go into yet
    v_debtor integer[] := '{}';
    v_debt bigint[] := '{}';
    v_since timestamptz[] := '{}';
    v_left bigint;
    v_x bigint;
    k integer;
    v_limit numeric := 0;
    v_due timestamptz;
    v_turns jsonb;
BEGIN
    SELECT * INTO STRICT v_holder FROM ledger.credit_holder AS h WHERE h.holder = p_holder FOR UPDATE;
    v_at := greatest(p_at, v_holder.clock_at);

    FOR v IN
        SELECT l.*, CASE WHEN l.rollover_cap IS NOT NULL AND l.expires_at IS NOT NULL THEN
                   (SELECT r.id FROM ledger.credit_lot AS r
                     WHERE r.account = l.account AND r.item = l.item AND r.period_start = l.expires_at AND r.kind = 'rollover'
                       AND r.holder = p_holder
                     ORDER BY r.id LIMIT 1) END AS into_id,
               l.rollover_cap IS NOT NULL AND EXISTS (
                   SELECT FROM ledger.credit_lot AS p
                    WHERE p.account = l.account AND p.item = l.item AND p.period_start = l.expires_at AND p.kind = 'period'
                      AND p.due > 0 AND p.holder = p_holder) AS goes_on
          FROM ledger.credit_lot AS l
         WHERE l.holder = p_holder
         ORDER BY l.expires_at, l.effective_at, l.kind, l.item, l.period_start, l.plan_key, l.plan_version, l.manual_key, l.id
    LOOP
        n := n + 1;
        v_id[n] := v.id;
        v_is_rollover[n] := v.kind = 'rollover';
        v_granted[n] := v.granted;
        v_spent[n] := v.spent;
        v_target[n] := v.claw_target;
        v_negative[n] := v.claw_negative;
        v_claw_at[n] := greatest(v.claw_at, v.effective_at);
        v_returned_at[n] := v.returned_at;
        v_effective[n] := v.effective_at;
        v_expires[n] := v.expires_at;
        v_cap[n] := coalesce(v.rollover_cap, 0);
        v_into_id[n] := v.into_id;
        v_goes_on[n] := v.goes_on;
        v_from[n] := v.rolls_from;
        v_clawed0[n] := v.clawed;
        v_covered0[n] := v.covered;
        v_repaid0[n] := v.repaid;
        v_rolled0[n] := v.rolled;
        v_expired0[n] := v.expired;
        v_short0[n] := v.shortfall;
        v_claw_source[n] := v.claw_source;
        v_rolls := v_rolls OR v.kind = 'rollover' OR v.rollover_cap > 0;
    END LOOP;
    v_clawed := array_fill(0::bigint, ARRAY[n]);
    v_covered := v_clawed;
    v_repaid := v_clawed;
    v_rolled := v_clawed;
    v_expired := v_clawed;
    v_short := v_clawed;
    v_in := v_clawed;
    v_pin := v_clawed;
    v_room := v_clawed;
    v_flow := v_clawed;
    v_free := v_clawed;
    v_into := array_fill(NULL::integer, ARRAY[n]);
    v_moment := array_fill(to_timestamp((p_context ->> 'moment')::bigint), ARRAY[n]);
    v_first := v_into;
    v_last := v_into;

    IF v_rolls THEN
        -- What could be carried over without touching what is claimed back.
        FOR i IN 1 .. n LOOP
            IF v_is_rollover[i] THEN
                v_free[i] := greatest(0, least(v_room[i], v_flow[i]) - v_spent[i]);
            ELSE
                v_free[i] := greatest(0, v_granted[i] - v_spent[i] - v_target[i]);
            END IF;
            IF v_into_id[i] IS NOT NULL THEN
                k := array_position(v_id, v_into_id[i]);
                v_into[i] := k;
                v_flow[k] := v_flow[k] + v_free[i];
                v_room[k] := greatest(v_room[k], v_cap[i]);
                v_first[k] := coalesce(v_first[k], i);
                v_last[k] := i;
            ELSIF v_goes_on[i] AND v_cap[i] > 0 AND v_free[i] > 0 AND v_expires[i] <= v_at THEN
                v_missing := v_missing || v_id[i];
            END IF;
        END LOOP;
        -- What may go over a boundary for the first time needs a lot to go into, and what follows is found with it there.
        IF v_missing <> '{}' THEN
            INSERT INTO ledger.credit_lot
                (holder, kind, account, customer, subscription, item, plan_key, plan_version, period_start, period_end,
                 effective_at, expires_at, rollover_cap, rolls_from)
            SELECT DISTINCT ON (p.account, p.item, p.period_start)
                   p_holder, 'rollover', p.account, p.customer, p.subscription, p.item, p.plan_key, p.plan_version,
                   p.period_start, p.period_end, p.period_start, p.expires_at, p.rollover_cap, l.id
              FROM unnest(v_missing) WITH ORDINALITY AS m (id, place)
              JOIN ledger.credit_lot AS l ON l.id = m.id
             CROSS JOIN LATERAL (
                  SELECT p.* FROM ledger.credit_lot AS p
                   WHERE p.account = l.account AND p.item = l.item AND p.period_start = l.expires_at AND p.kind = 'period'
                     AND p.due > 0 AND p.holder = p_holder
                   ORDER BY p.plan_key, p.plan_version LIMIT 1) AS p
             ORDER BY p.account, p.item, p.period_start, m.place;
            RETURN ledger.settle_credits(p_holder, p_at, p_context);
        END IF;
        -- What was spent after it had been carried over, latest boundary first.
        FOR j IN REVERSE n .. 1 LOOP
            CONTINUE WHEN NOT v_is_rollover[j];
            v_left := v_spent[j] + v_pin[j];
            v_in[j] := v_left;
            FOR pass IN 1 .. 4 LOOP
                EXIT WHEN v_left = 0 OR v_first[j] IS NULL;
                FOR i IN v_first[j] .. v_last[j] LOOP
                    CONTINUE WHEN v_into[i] IS DISTINCT FROM j OR v_is_rollover[i] <> (pass IN (2, 4));
                    v_x := least(v_left, CASE pass WHEN 3 THEN v_granted[i] - v_spent[i] - v_pin[i] WHEN 4 THEN v_left
                                                   ELSE v_free[i] - v_pin[i] END);
                    IF v_x > 0 THEN
                        v_pin[i] := v_pin[i] + v_x;
                        v_left := v_left - v_x;
                    END IF;
                END LOOP;
            END LOOP;
            -- Its sources end at another moment now: what was carried over and spent stays so all the same.
            k := array_position(v_id, v_from[j]);
            IF v_left > 0 THEN
                v_pin[k] := v_pin[k] + v_left;
            END IF;
        END LOOP;
    END IF;

    FOR i IN 1 .. n LOOP
        CONTINUE WHEN v_target[i] = 0;
        v_left := greatest(0, v_granted[i] - v_spent[i] - v_pin[i]);
        IF v_negative[i] THEN
            v_clawed[i] := v_target[i];
            IF v_target[i] > v_left THEN
                v_debtor := v_debtor || i;
                v_debt := v_debt || (v_target[i] - v_left);
                v_since := v_since || coalesce(v_claw_at[i], v_effective[i]);
            END IF;
        ELSE
            v_clawed[i] := least(v_target[i], v_left);
            v_short[i] := v_target[i] - v_clawed[i];
        END IF;
    END LOOP;
    IF cardinality(v_debtor) > 1 THEN
        SELECT array_agg(d.debtor ORDER BY d.since, d.debtor), array_agg(d.debt ORDER BY d.since, d.debtor),
               array_agg(d.since ORDER BY d.since, d.debtor)
          INTO v_debtor, v_debt, v_since FROM unnest(v_debtor, v_debt, v_since) AS d (debtor, debt, since);
    END IF;

    FOR i IN 1 .. n LOOP
        IF v_is_rollover[i] THEN
            v_elsewhere := v_elsewhere OR v_granted[i] <> v_in[i];
            v_granted[i] := v_in[i];
        END IF;
        v_left := v_granted[i] - v_spent[i] - v_clawed[i] - v_pin[i];
        FOR d IN 1 .. cardinality(v_debtor) LOOP
            EXIT WHEN v_left <= 0;
            v_x := least(v_left, v_debt[d]);
            IF v_x > 0 AND (v_expires[i] IS NULL OR v_expires[i] > v_since[d]) THEN
                v_debt[d] := v_debt[d] - v_x;
                v_covered[v_debtor[d]] := v_covered[v_debtor[d]] + v_x;
                v_repaid[i] := v_repaid[i] + v_x;
                v_left := v_left - v_x;
            END IF;
        END LOOP;
        v_rolled[i] := v_pin[i];
        IF v_expires[i] <= v_at THEN
            k := v_into[i];
            IF v_left > 0 AND v_goes_on[i] AND v_room[k] > v_in[k] THEN
                v_x := least(v_left, v_room[k] - v_in[k]);
                v_in[k] := v_in[k] + v_x;
                v_rolled[i] := v_rolled[i] + v_x;
                v_left := v_left - v_x;
            END IF;
            v_expired[i] := greatest(0, v_left);
        ELSE
            v_limit := v_limit + v_granted[i] - v_clawed[i];
            v_due := least(v_due, v_expires[i]);
        END IF;
    END LOOP;

    -- The differences: what is undone first, so that no line needs what another has yet to give back.
    FOR i IN 1 .. n LOOP
        IF v_expired[i] < v_expired0[i] THEN
            PERFORM ledger.post_credit(p_holder, 'unexpired', v_id[i : i], ARRAY[v_expired0[i] - v_expired[i]],
                                       coalesce(v_expires[i], v_at), NULL, p_context);
        END IF;
    END LOOP;
    v_turns := CASE WHEN v_elsewhere OR v_rolled <> v_rolled0 OR v_repaid <> v_repaid0 OR v_covered <> v_covered0 THEN (
        SELECT jsonb_agg(to_jsonb(x)) FROM (
            SELECT 'rolled_over' AS kind, c.giver, c.getter, c.amount
              FROM ledger.credit_pairs(
                       ARRAY(SELECT a - b FROM unnest(v_rolled, v_rolled0) WITH ORDINALITY AS u (a, b, o) ORDER BY o), v_rolled0,
                       ARRAY(SELECT CASE WHEN r THEN a - l.granted ELSE 0 END
                               FROM unnest(v_in, v_is_rollover, v_id) WITH ORDINALITY AS u (a, r, id, o)
                               JOIN ledger.credit_lot AS l ON l.id = u.id ORDER BY o),
                       ARRAY(SELECT CASE WHEN r THEN l.granted ELSE 0 END
                               FROM unnest(v_is_rollover, v_id) WITH ORDINALITY AS u (r, id, o)
                               JOIN ledger.credit_lot AS l ON l.id = u.id ORDER BY o), v_into) AS c
            UNION ALL
            SELECT 'debt_repaid', c.giver, c.getter, c.amount
              FROM ledger.credit_pairs(
                       ARRAY(SELECT a - b FROM unnest(v_repaid, v_repaid0) WITH ORDINALITY AS u (a, b, o) ORDER BY o), v_repaid0,
                       ARRAY(SELECT a - b FROM unnest(v_covered, v_covered0) WITH ORDINALITY AS u (a, b, o) ORDER BY o),
                       v_covered0, array_fill(NULL::integer, ARRAY[n])) AS c) AS x) END;
    FOR v IN SELECT * FROM jsonb_to_recordset(v_turns) AS x (kind text, giver integer, getter integer, amount bigint)
              WHERE x.amount < 0
              -- From the end backwards: what a lot passed on comes back to it before it goes back where it came from.
              ORDER BY x.kind, x.getter DESC LOOP
        v_moment[v.giver] := greatest(v_moment[v.giver], CASE v.kind WHEN 'rolled_over' THEN v_effective[v.getter]
            ELSE greatest(v_claw_at[v.getter], v_returned_at[v.getter], v_effective[v.giver]) END);
        PERFORM ledger.post_credit(p_holder, v.kind, ARRAY[v_id[v.giver], v_id[v.getter]], ARRAY[-v.amount, v.amount],
                                   v_moment[v.giver], jsonb_build_object('source', v_claw_source[v.getter]), p_context);
    END LOOP;
    FOR i IN 1 .. n LOOP
        CONTINUE WHEN v_clawed[i] = v_clawed0[i];
        SELECT l.* INTO v FROM ledger.credit_lot AS l WHERE l.id = v_id[i];
        v_since[1] := greatest(v_claw_at[i], v_effective[i]);
        IF v_clawed[i] < v_clawed0[i] THEN
            v_since[1] := greatest(v_since[1], v_returned_at[i]);
            v_moment[i] := greatest(v_moment[i], v_since[1]);
        END IF;
        PERFORM ledger.post_credit(
            p_holder, CASE WHEN v_clawed[i] > v_clawed0[i] THEN 'clawed_back' ELSE 'clawback_returned' END, v_id[i : i],
            ARRAY[v_clawed0[i] - v_clawed[i]], v_since[1],
            jsonb_build_object('source', v.claw_source, 'transition', v.claw_transition,
                               'event', ledger.credit_event(p_context, ARRAY[v.claw_source, v.subscription, v.invoice])),
            p_context);
    END LOOP;
    FOR v IN SELECT * FROM jsonb_to_recordset(v_turns) AS x (kind text, giver integer, getter integer, amount bigint)
              WHERE x.amount > 0 ORDER BY x.kind LOOP
        PERFORM ledger.post_credit(p_holder, v.kind, ARRAY[v_id[v.giver], v_id[v.getter]], ARRAY[-v.amount, v.amount],
                                   CASE v.kind WHEN 'rolled_over' THEN greatest(v_effective[v.getter], v_moment[v.giver])
                                               ELSE greatest(v_claw_at[v.getter], v_effective[v.giver], v_moment[v.giver]) END,
                                   jsonb_build_object('source', v_claw_source[v.getter]), p_context);
    END LOOP;
    FOR i IN 1 .. n LOOP
        IF v_expired[i] > v_expired0[i] THEN
            PERFORM ledger.post_credit(p_holder, 'expired', v_id[i : i], ARRAY[v_expired0[i] - v_expired[i]],
                                       greatest(v_expires[i], v_moment[i]), NULL, p_context);
        END IF;
        IF v_short[i] <> v_short0[i] THEN
            UPDATE ledger.credit_lot AS l SET shortfall = v_short[i] WHERE l.id = v_id[i];
        END IF;
    END LOOP;

    -- When a subscription gets its next month, its holder is due as well: a spend then waits for it.
    v_due := least(v_due, CASE WHEN v_holder.user_id IS NOT NULL THEN
                 (SELECT min(s.credits_due_at) FROM ledger.customer AS c
                    JOIN ledger.subscription AS s ON s.account = c.account AND s.customer = c.id
                   WHERE c.user_id = v_holder.user_id) END);
    UPDATE ledger.credit_holder AS h SET credit_limit = v_limit, next_due_at = v_due, left_until = NULL, settle_error = NULL
     WHERE h.holder = p_holder AND (h.credit_limit, h.next_due_at, h.settle_error) IS DISTINCT FROM (v_limit, v_due, NULL);
    RETURN (SELECT h.entries - v_holder.entries FROM ledger.credit_holder AS h WHERE h.holder = p_holder);
END
$$;
RESET ROLE;
