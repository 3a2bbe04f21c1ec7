-- What a turn reads of the tables follows from what it holds, not from what is there: rows are found by key, one by one, not
-- by walks through what the account has.
BEGIN;
SELECT no_plan();
-- p_from to p_to of a customer's history: invoices, their charges, every third with a refund, every tenth with a dispute and a credit note.
CREATE FUNCTION pg_temp.history(p_customer text, p_from integer, p_to integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(o.value) FROM generate_series(p_from, p_to) AS g (n)
     CROSS JOIN LATERAL (SELECT p_customer || '_' || g.n) AS k (x)
     CROSS JOIN LATERAL (SELECT CASE WHEN g.n % 3 = 0 THEN jsonb_build_array(t.refund('re_' || k.x, 'ch_in_' || k.x, 10)) ELSE '[]' END) AS r (refunds)
     CROSS JOIN LATERAL (
        SELECT t.invoice('in_' || k.x, p_customer, NULL, 'paid', 1000 + g.n)
        UNION ALL SELECT t.charge('ch_in_' || k.x, p_customer, 1000 + g.n, 0, r.refunds)
        UNION ALL SELECT f.value FROM jsonb_array_elements(r.refunds) AS f
        UNION ALL SELECT t.dispute('dp_' || k.x, 'ch_in_' || k.x, 20, 'lost', '{-20}') WHERE g.n % 10 = 0
        UNION ALL SELECT t.note('cn_' || k.x, p_customer, 'in_' || k.x, 0, 5) WHERE g.n % 10 = 0) AS o (value) $$;
-- Rows that this transaction has read so far, by index or not.
CREATE FUNCTION pg_temp.rows_read() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT sum(coalesce(s.seq_tup_read, 0) + coalesce(s.idx_tup_fetch, 0))::bigint
      FROM pg_stat_xact_user_tables AS s WHERE s.schemaname IN ('ledger', 'ops') $$;
-- Rows that a turn reads.
CREATE FUNCTION pg_temp.cost(p_customer text, p_from integer, p_to integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_before bigint := pg_temp.rows_read();
BEGIN
    PERFORM t.turn(p_customer, pg_temp.history(p_customer, p_from, p_to));
    RETURN pg_temp.rows_read() - v_before;
END $$;
-- A hundred is allowed for what is rare: ops.wants reads a customer's disputes. A walk would read four hundred and more, for each id.
CREATE TEMP TABLE cost (what text, n bigint);

SELECT pg_temp.cost('cus_l', 1, 400) > 0;
SELECT pg_temp.cost('cus_m', 1, 100) > 0;
ANALYZE;
INSERT INTO cost SELECT 'first small', pg_temp.cost('cus_s', 1, 10);
INSERT INTO cost SELECT 'again small', pg_temp.cost('cus_s', 1, 10);
INSERT INTO cost SELECT 'small, of many', pg_temp.cost('cus_l', 1, 10);
INSERT INTO cost SELECT 'new, of many', pg_temp.cost('cus_l', 401, 410);
INSERT INTO cost SELECT 'two hundred', pg_temp.cost('cus_m', 1, 100);
INSERT INTO cost SELECT 'a thousand', pg_temp.cost('cus_l', 1, 400);
SELECT diag(what || ': ' || n || ' rows') FROM cost;
CREATE FUNCTION pg_temp.n(p_what text) RETURNS numeric LANGUAGE sql AS $$ SELECT c.n FROM cost AS c WHERE c.what = p_what $$;
SELECT cmp_ok(pg_temp.n('small, of many'), '<=', pg_temp.n('again small') + 100, 'a small turn reads as much of a customer with a long history as of another');
SELECT cmp_ok(pg_temp.n('new, of many'), '<=', pg_temp.n('first small') + 100, 'also when it books');
-- The table of 50 disputes fits on a page or two and may be walked a few times, as statistics of the moment have it: 50 rows each. One walk
-- through invoices, charges or entries would be 500 and more.
SELECT cmp_ok(pg_temp.n('again small'), '<=', 800::numeric, 'what other customers have is not read');
SELECT cmp_ok(pg_temp.n('a thousand'), '<=', pg_temp.n('two hundred') * 4 * 1.2, 'four times as many objects, four times as many rows');

-- Credits: what a turn reads follows from what the customer has; what others have, and a plan without credits, cost nothing more.
\ir grants.psql
CREATE FUNCTION pg_temp.subscriber(p_customer text, p_plan text, p_months integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_before bigint;
    v_now timestamptz := '2026-01-10 UTC'::timestamptz + make_interval(months => p_months - 1);
    v_objects jsonb;
BEGIN
    PERFORM set_config('grants.customer', p_customer, true), pg_temp.now_is((v_now AT TIME ZONE 'UTC')::text);
    SELECT jsonb_build_array(pg_temp.sub('sub_' || p_customer, 'active', pg_temp.item('sub_' || p_customer, t.price(p_plan), (v_now AT TIME ZONE 'UTC')::text,
                   ((v_now + interval '1 month') AT TIME ZONE 'UTC')::text), jsonb_build_object('created', pg_temp.at('2026-01-10'))))
           || jsonb_agg(pg_temp.bill('in_' || p_customer || n, 'sub_' || p_customer, 'price_' || p_plan,
                   (('2026-01-10 UTC'::timestamptz + make_interval(months => n - 1)) AT TIME ZONE 'UTC')::text,
                   (('2026-01-10 UTC'::timestamptz + make_interval(months => n)) AT TIME ZONE 'UTC')::text))
      INTO v_objects FROM generate_series(1, p_months) AS g (n);
    PERFORM t.turn(p_customer, v_objects); -- the whole history once
    v_before := pg_temp.rows_read();
    PERFORM t.turn(p_customer, jsonb_build_array(v_objects -> 0, v_objects -> p_months)); -- and what a day brings
    RETURN pg_temp.rows_read() - v_before;
END $$;
SELECT pg_temp.plan('pro', 30), pg_temp.plan('none', 0);
INSERT INTO cost SELECT 'no credits', pg_temp.subscriber('cus_n', 'none', 24);
INSERT INTO cost SELECT 'credits', pg_temp.subscriber('cus_c', 'pro', 24);
SELECT count(*) FROM (SELECT pg_temp.subscriber('cus_c' || n, 'pro', 12) FROM generate_series(1, 15) AS g (n) OFFSET 0) AS x;
ANALYZE;
INSERT INTO cost SELECT 'no credits, of many', pg_temp.subscriber('cus_n2', 'none', 24);
INSERT INTO cost SELECT 'credits, of many', pg_temp.subscriber('cus_c0', 'pro', 24);
SELECT diag(what || ': ' || n || ' rows') FROM cost WHERE what LIKE '%credits%';
SELECT cmp_ok(pg_temp.n('no credits, of many'), '<=', pg_temp.n('no credits') + 100, 'a plan without credits: what others have is not read');
SELECT cmp_ok(pg_temp.n('credits, of many'), '<=', pg_temp.n('credits') + 100, 'two years of credits: what others have is not read');
SELECT cmp_ok(pg_temp.n('no credits, of many'), '<=', 250::numeric, 'a plan without credits costs a look at its lines');
SELECT cmp_ok(pg_temp.n('credits, of many'), '<=', 1000::numeric, 'two years of credits cost so many rows');
SELECT * FROM finish();
ROLLBACK;
