-- The same facts in any order end with the same lots: what was granted, spent and claimed back decides, not when it was told.
-- psql -v lives=500 -v every=1 has it run longer.
\if :{?lives} \else \set lives 8 \endif
\if :{?every} \else \set every 4 \endif
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
CREATE FUNCTION pg_temp.p(p_user text, p_start numeric, p_end numeric, p_amount bigint, p_extra jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
$$ SELECT pg_temp.target(p_user, 'period', p_start, p_end, p_amount, p_extra) $$;
CREATE FUNCTION pg_temp.claw(p_amount bigint, p_day numeric, p_negative boolean DEFAULT false) RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_object('claw', p_amount, 'claw_at', t.day(p_day), 'negative', p_negative) $$;
-- What the rules have made of a user's lots, without what tells only how it came about.
CREATE FUNCTION pg_temp.fingerprint(p_user text) RETURNS text LANGUAGE sql AS $$
    SELECT concat((SELECT h.balance || '/' || h.credit_limit || ' due ' || coalesce(h.next_due_at::text, 'never') FROM ledger.credit_holder AS h WHERE h.holder = 'user:' || p_user), E'\n',
        (SELECT string_agg(concat_ws(' ', l.kind, l.item, l.plan_key, l.period_start, l.expires_at, l.granted, l.spent, l.clawed, l.covered, l.repaid, l.rolled, l.expired, l.shortfall, l.remaining), E'\n'
                           ORDER BY l.item, l.period_start, l.kind, l.plan_key, l.plan_version, l.manual_key)
           FROM ledger.credit_lot AS l WHERE l.holder = 'user:' || p_user AND l.granted > 0)) $$;
CREATE FUNCTION pg_temp.does(p_user text, p_step jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_step ? 'settle' THEN
        PERFORM ledger.settle_credits('user:' || p_user, pg_temp.at((p_step ->> 'settle')::numeric), '{}');
    ELSIF p_step ? 'refund' THEN
        PERFORM ledger.refund_spend_at(p_user, p_step ->> 'refund', (p_step ->> 'amount')::numeric, p_step ->> 'key', NULL, pg_temp.at((p_step ->> 'day')::numeric));
    ELSE
        PERFORM ledger.book_credits('user:' || p_user, ARRAY[p_step - 'day'], '{}', pg_temp.at((p_step ->> 'day')::numeric));
    END IF;
END $$;
-- The steps in this order, then settled for day 200; what that ends with, and what is broken. Nothing of it lasts.
CREATE FUNCTION pg_temp.ends(p_user text, p_steps jsonb[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_end text;
BEGIN
    FOR i IN 1 .. cardinality(p_steps) LOOP
        PERFORM pg_temp.does(p_user, p_steps[i]);
    END LOOP;
    PERFORM ledger.settle_credits('user:' || p_user, pg_temp.at(200), '{}');
    v_end := pg_temp.fingerprint(p_user);
    v_end := v_end || coalesce(' BROKEN ' || pg_temp.broken(p_user), '');
    RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
    RETURN v_end;
END $$;
CREATE FUNCTION pg_temp.orders(p_steps jsonb[]) RETURNS SETOF jsonb[] LANGUAGE sql AS $$
    WITH RECURSIVE o (taken, steps) AS (
        SELECT '{}'::integer[], '{}'::jsonb[]
        UNION ALL
        SELECT o.taken || i, o.steps || p_steps[i] FROM o, generate_subscripts(p_steps, 1) AS i WHERE i <> ALL (o.taken))
    SELECT o.steps FROM o WHERE cardinality(o.steps) = cardinality(p_steps) $$;

-- Spends come first, as the facts that they are: what was there for them was there in every order.
-- 1: a refund out of lots that expire and carry over, months, and what was carried over and spent
SELECT pg_temp.book('a', 0, pg_temp.p('a', 0, 31, 30, '{"rollover_cap": 12}'));
SELECT pg_temp.spend('a', 14, 's1', 3);
SELECT pg_temp.book('a', 31, pg_temp.p('a', 31, 59, 30, '{"rollover_cap": 12}'));
SELECT pg_temp.spend('a', 35, 's2', 40);
SELECT is(pg_temp.lots('a'), 'period@0 30 spent 14 rolled 12 expired 4 = 0, period@31 30 spent 30 = 0, rollover@31 12 spent 5 = 7', 'what the first begins with');
CREATE TEMP TABLE ended AS
SELECT 'a' AS story, pg_temp.ends('a', o.steps) AS state FROM pg_temp.orders(ARRAY[
    pg_temp.p('a', 0, 31, 30, '{"rollover_cap": 12}' || pg_temp.claw(20, 41)) || '{"day": 41}', pg_temp.p('a', 59, 90, 30, '{"rollover_cap": 12}') || '{"day": 60}',
    pg_temp.p('a', 31, 59, 30, '{"rollover_cap": 12}' || pg_temp.claw(9, 62)) || '{"day": 62}', '{"refund": "s2", "amount": 20, "key": "r", "day": 61}', '{"settle": 95}']) WITH ORDINALITY AS o (steps, n) WHERE n % :every = 0;
-- 2: two debts, lots that were there when they arose and lots that came later, one that ends between, one lot that is claimed back as well
SELECT pg_temp.book('b', 0, pg_temp.p('b', 0, 31, 30), pg_temp.target('b', 'trial', 0, 31, 10, jsonb_build_object('expires', t.day(20))));
SELECT pg_temp.spend('b', 33, 's1', 3);
INSERT INTO ended
SELECT 'b', pg_temp.ends('b', o.steps) FROM pg_temp.orders(ARRAY[
    pg_temp.p('b', 0, 31, 30, pg_temp.claw(30, 19, true)) || '{"day": 40}', pg_temp.target('b', 'trial', 0, 31, 10, pg_temp.claw(10, 25, true) || jsonb_build_object('expires', t.day(20))) || '{"day": 41}',
    pg_temp.target('b', 'upgrade', 10, 31, 8, pg_temp.claw(3, 30)) || '{"day": 11}', pg_temp.p('b', 31, 59, 30) || '{"day": 31}', '{"refund": "s1", "amount": 6, "key": "r", "day": 35}']) WITH ORDINALITY AS o (steps, n) WHERE n % :every = 0;
-- 3: debts and what is carried over
SELECT pg_temp.book('c', 0, pg_temp.p('c', 0, 31, 30, '{"rollover_cap": 25}'), pg_temp.target('c', 'upgrade', 5, 31, 20, '{"rollover_cap": 25, "plan_key": "max"}'));
SELECT pg_temp.spend('c', 10, 's1', 6);
SELECT pg_temp.book('c', 31, pg_temp.p('c', 31, 59, 30, '{"rollover_cap": 25}'));
SELECT pg_temp.spend('c', 40, 's2', 40);
INSERT INTO ended
SELECT 'c', pg_temp.ends('c', o.steps) FROM pg_temp.orders(ARRAY[
    pg_temp.p('c', 0, 31, 30, '{"rollover_cap": 25}' || pg_temp.claw(30, 20, true)) || '{"day": 42}', pg_temp.p('c', 59, 90, 30, '{"rollover_cap": 5}') || '{"day": 59}', '{"settle": 59}',
    pg_temp.target('c', 'upgrade', 5, 31, 0, '{"rollover_cap": 25, "plan_key": "max"}') || '{"day": 61}', pg_temp.p('c', 31, 59, 30, '{"rollover_cap": 25}' || pg_temp.claw(12, 50, true)) || '{"day": 62}']) WITH ORDINALITY AS o (steps, n) WHERE n % :every = 0;
SELECT is(count(*) || ' orders, ' || count(DISTINCT e.state) || ' ends' || coalesce(' ' || max(e.state) FILTER (WHERE e.state LIKE '%BROKEN%'), ''), (120 / :every) || ' orders, 1 ends', 'story ' || e.story || ': all orders end alike')
  FROM ended AS e GROUP BY e.story ORDER BY e.story;
SELECT diag(DISTINCT_ON.state) FROM (SELECT e.story, e.state FROM ended AS e WHERE e.story IN (SELECT story FROM ended GROUP BY story HAVING count(DISTINCT state) > 1) GROUP BY 1, 2) AS DISTINCT_ON;

-- And at random: a year of two items with caps, ends and policies by chance, spends while it is lived, then everything else in eight orders.
CREATE FUNCTION pg_temp.life(p_seed integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_user text := 'life' || p_seed;
    v_ends text[] := '{}';
    v_early jsonb[] := '{}';
    v_late jsonb[] := '{}';
    v_one jsonb;
    v_negative boolean := p_seed % 2 = 0;
BEGIN
    PERFORM setseed(p_seed / 1000.0), pg_temp.user(v_user);
    FOR item IN 1 .. 2 LOOP
        FOR month IN 0 .. 5 LOOP
            FOR again IN 0 .. 1 LOOP
                CONTINUE WHEN again = 1 AND random() < 0.6;
                v_one := pg_temp.target(v_user, CASE again WHEN 0 THEN 'period' ELSE 'upgrade' END, month * 30 + again * 11, month * 30 + 30, (10 + random() * 30)::bigint,
                    jsonb_build_object('item', 'si_' || v_user || item, 'rollover_cap', CASE WHEN item = 1 THEN (random() * 20)::integer END,
                        'expires', CASE WHEN item = 2 AND random() < 0.4 THEN CASE WHEN random() < 0.3 THEN NULL ELSE t.day(month * 30 + 75) END ELSE t.day(month * 30 + 30) END));
                IF random() < 0.75 THEN
                    v_early := v_early || (v_one || jsonb_build_object('day', month * 30 + again * 11));
                ELSE
                    v_late := v_late || (v_one || jsonb_build_object('day', 60 + (random() * 100)::integer));
                END IF;
                IF random() < 0.4 THEN
                    v_late := v_late || (v_one || jsonb_build_object('day', 100 + (random() * 80)::integer) || CASE WHEN random() < 0.3 THEN '{"amount": 3}'::jsonb
                        ELSE pg_temp.claw((1 + random() * (v_one ->> 'amount')::bigint)::bigint, month * 30 + 15 + (random() * 40)::integer, v_negative) END);
                    -- Facts, not their history: what was told first is not told again after it.
                    v_late := ARRAY(SELECT l FROM unnest(v_late[: cardinality(v_late) - 1]) AS l WHERE (l ->> 'item', l ->> 'kind', l ->> 'period_start') <> (v_one ->> 'item', v_one ->> 'kind', v_one ->> 'period_start'))
                           || CASE WHEN v_late[cardinality(v_late)] ->> 'amount' = '3' AND NOT v_one || jsonb_build_object('day', month * 30 + again * 11) = ANY (v_early)
                                   THEN '{}'::jsonb[] ELSE ARRAY[v_late[cardinality(v_late)]] END;
                END IF;
            END LOOP;
        END LOOP;
    END LOOP;
    FOR v_one IN SELECT e FROM unnest(v_early) AS e ORDER BY (e ->> 'day')::numeric, e ->> 'item' LOOP
        PERFORM pg_temp.does(v_user, v_one), pg_temp.spend(v_user, (1 + random() * 40)::bigint, 's' || (v_one ->> 'item') || (v_one ->> 'day'), (v_one ->> 'day')::numeric + (random() * 12)::integer);
    END LOOP;
    FOR v_one IN SELECT jsonb_build_object('refund', substr(e.idempotency_key, 5), 'amount', 1 + (random() * (-e.amount - 1))::integer, 'key', 'r' || e.n, 'day', 150)
                   FROM ledger.credit_entry AS e WHERE e.holder = 'user:' || v_user AND e.kind = 'spent' ORDER BY e.n LIMIT 2 LOOP
        v_late := v_late || v_one;
    END LOOP;
    v_late := v_late || '{"settle": 185}'::jsonb || '{"settle": 120}'::jsonb;
    FOR i IN 1 .. 8 LOOP
        v_ends := v_ends || pg_temp.ends(v_user, ARRAY(SELECT l FROM unnest(v_late) AS l ORDER BY random()));
    END LOOP;
    RETURN (SELECT count(DISTINCT e) || coalesce(max(e) FILTER (WHERE e LIKE '%BROKEN%'), '') FROM unnest(v_ends) AS e)
           || CASE WHEN (SELECT count(DISTINCT e) > 1 FROM unnest(v_ends) AS e) THEN (SELECT E'\n' || string_agg(DISTINCT e, E'\n---\n') FROM unnest(v_ends) AS e) ELSE '' END;
END $$;
SELECT is(pg_temp.life(seed), '1', 'life ' || seed || ': eight orders, one end') FROM generate_series(1, :lives) AS seed;
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
SELECT * FROM finish();
ROLLBACK;
