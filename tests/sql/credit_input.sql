-- Wrong input to the calls of an application: its own SQLSTATE, a message with the value, and nothing is changed.
BEGIN;
SELECT no_plan();
\ir credit_engine.psql
SELECT pg_temp.user('u1');
SELECT pg_temp.give('u1', 100, 'start', 0);
SELECT pg_temp.spend('u1', 10, 'spent', 0);

CREATE FUNCTION pg_temp.all_of_it() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat((SELECT json_agg(h ORDER BY holder) FROM ledger.credit_holder AS h), (SELECT json_agg(l ORDER BY id) FROM ledger.credit_lot AS l),
        (SELECT json_agg(e ORDER BY id) FROM ledger.credit_entry AS e), (SELECT json_agg(u) FROM ledger.usage_period AS u), (SELECT json_agg(u) FROM ledger.usage_entry AS u))) $$;
SELECT pg_temp.all_of_it() AS before \gset

CREATE TEMP TABLE wrong (code text, part text, what text, people text, amount numeric, key text, note text);
INSERT INTO wrong VALUES
    ('IS010', '''nobody''', 'an unknown user', 'nobody', 1, 'k', NULL), ('IS010', 'NULL', 'no user', NULL, 1, 'k', NULL), ('IS010', '''''', 'an empty user', '', 1, 'k', NULL),
    ('IS011', '0', 'zero', 'u1', 0, 'k', NULL), ('IS011', '-3', 'a negative amount', 'u1', -3, 'k', NULL), ('IS011', 'NULL', 'no amount', 'u1', NULL, 'k', NULL),
    ('IS011', '-Infinity', 'minus infinity', 'u1', '-Infinity', 'k', NULL),
    ('IS012', '1.5', 'a fraction', 'u1', 1.5, 'k', NULL), ('IS012', '9223372036854775808', 'one beyond int64', 'u1', 9223372036854775808, 'k', NULL),
    ('IS012', 'Infinity', 'infinity', 'u1', 'Infinity', 'k', NULL), ('IS012', 'NaN', 'no number', 'u1', 'NaN', 'k', NULL),
    ('IS013', 'NULL', 'no key', 'u1', 1, NULL, NULL), ('IS013', 'empty', 'an empty key', 'u1', 1, '', NULL),
    ('IS013', '501', 'a key of 501 characters', 'u1', 1, repeat('é', 501), NULL), ('IS013', '2001', 'a note of 2001 characters', 'u1', 1, 'k', repeat('n', 2001));
CREATE FUNCTION pg_temp.says(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_hint text;
BEGIN
    EXECUTE p_sql;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN v_hint = '' THEN ' (without a hint)' ELSE '' END;
END $$;
SELECT ok(n.got LIKE w.code || ' %' AND strpos(n.got, w.part) > 0 AND n.got NOT LIKE '%without a hint%', c.call || ', ' || w.what || ': ' || left(n.got, 90))
  FROM wrong AS w
 CROSS JOIN (VALUES ('spend_credits', 'SELECT ledger.spend_credits(%1$L, %2$L, %3$L, %4$L)'), ('grant_credits', 'SELECT ledger.grant_credits(%1$L, %2$L, %3$L, %4$L)'),
                    ('refund_spend', 'SELECT ledger.refund_spend(%1$L, ''spent'', %2$L, %3$L, %4$L)'), ('record_usage', 'SELECT ledger.record_usage(%1$L, ''exports'', %2$L, %3$L, %4$L)')) AS c (call, sql)
 CROSS JOIN LATERAL pg_temp.says(format(c.sql, w.people, w.amount, w.key, w.note)) AS n (got)
 WHERE NOT (c.call = 'refund_spend' AND w.amount IS NULL);
SELECT is(pg_temp.all_of_it(), :'before', 'nothing of it changed anything');

SELECT is(pg_temp.says($$SELECT ledger.grant_credits('u1', 9223372036854775807, 'k', NULL)$$), 'IS012 amount 9223372036854775807 would take the balance of user ''u1'' beyond 1000000000000000000', 'a balance beyond 10^18');
SELECT is(pg_temp.says($$SELECT ledger.spend_credits('u1', 11, 'spent')$$), 'IS002 idempotency key ''spent'' of user ''u1'' was used for spent 10, now it is to spend 11', 'a key with another amount');
SELECT is(pg_temp.says($$SELECT ledger.refund_spend('u1', 'spent', 11, 'k')$$), 'IS014 of spend ''spent'' of user ''u1'' 10 are left to give back, asked for 11', 'more than was spent');
SELECT is(pg_temp.says($$SELECT ledger.refund_spend('u1', 'unspent', 1, 'k')$$), 'IS014 user ''u1'' has no spend with the key ''unspent''', 'no such spend');
SELECT is(pg_temp.says(format('SELECT ledger.record_usage(''u1'', %L, 1, ''k'')', m.meter)), m.want, 'a meter must have a name')
  FROM (VALUES (NULL, 'IS013 meter NULL is not a name of 1 to 100 characters'), ('', 'IS013 meter '''' is not a name of 1 to 100 characters')) AS m (meter, want);
SELECT is(pg_temp.all_of_it(), :'before', 'nothing of that either');
-- the edges are inside
SELECT is(pg_temp.give('u1', 1000000000000000000 - 100, 'edge', 1), 'yes 999999999999999900 999999999999999990/1000000000000000000', 'up to 10^18 exactly');
SELECT is(pg_temp.spend('u1', 999999999999999990, repeat('é', 500), 1, repeat('n', 2000)), 'yes 999999999999999990 0/1000000000000000000', 'and down, with the longest key and note');
SELECT is(pg_temp.broken(), NULL, 'all of it adds up');
-- an entry that does not follow is refused, whoever writes it
SELECT is(pg_temp.says(format($$INSERT INTO ledger.credit_entry (holder, n, kind, amount, balance_before, balance_after, lots, amounts, idempotency_key, effective_at, recorded_at)
    SELECT h.holder, h.entries + %s, 'granted', %s, h.balance + %s, h.balance + %s + %s, '{1}', '{5}', 'k', now(), now() FROM ledger.credit_holder AS h WHERE h.holder = 'user:u1'$$, c.n, c.amount, c.off, c.off, c.amount))
    LIKE c.want, true, c.what)
  FROM (VALUES (1, 5, 0, 'ok', 'an entry that follows'), (0, 5, 0, '23514 credit entry 5 of user:u1 does not follow%', 'its number again'), (3, 5, 0, '23514 credit entry 8 of user:u1 does not follow%', 'a number left out'),
               (1, 5, 1, '23514 credit entry 6 of user:u1 does not follow: the last one is 5 with balance%', 'another balance before'), (1, 6, 0, '23514 credit entry 6 of user:u1: lines {5} do not add up to 6%', 'lines that do not add up'))
       AS c (n, amount, off, want, what);
SELECT is(pg_temp.says(s.sql) LIKE 'IS005%', true, s.sql) FROM unnest(ARRAY['UPDATE ledger.credit_entry SET note = ''x''', 'DELETE FROM ledger.credit_entry', 'TRUNCATE ledger.credit_entry',
    'TRUNCATE ledger.usage_entry']) AS s (sql);
SELECT * FROM finish();
ROLLBACK;
