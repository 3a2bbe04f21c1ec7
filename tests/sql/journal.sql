-- Invariants 6 and 7: append-only, balanced, once. Tried as the owner and as a superuser: triggers refuse both.
BEGIN;
SELECT no_plan();
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}'),
    t.invoice('in_0', 'cus_1', 'sub_1', 'paid', 0), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)));
SELECT ops.link_user('self', 'cus_1', 'u2', 'ann');
-- so that entries are of another transaction than the attempts: the transaction of the attempts is this one, theirs is not
SET LOCAL session_replication_role = replica;
UPDATE ledger.journal_entry SET xid = '3';
SET LOCAL session_replication_role = origin;
CREATE TEMP TABLE snapshot AS
    SELECT (SELECT jsonb_agg(to_jsonb(e) ORDER BY e.id) FROM ledger.journal_entry AS e) AS entries,
           (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.entry_id, p.line) FROM ledger.posting AS p) AS postings;

-- no change, no deletion, whoever asks
SELECT is(t.try(r.role, a.sql), 'IS005', r.role || ': ' || a.sql)
  FROM unnest(ARRAY['instep_owner', current_user::text]) AS r (role),
       unnest(ARRAY[
    'UPDATE ledger.journal_entry SET kind = kind', 'UPDATE ledger.journal_entry SET recorded_at = now() WHERE id = (SELECT min(id) FROM ledger.journal_entry)',
    'DELETE FROM ledger.journal_entry', 'TRUNCATE ledger.journal_entry CASCADE', 'TRUNCATE ledger.posting',
    'UPDATE ledger.posting SET amount = amount + 1', 'DELETE FROM ledger.posting WHERE line = 2',
    'UPDATE ledger.posting SET unit = ''eur''',
    'UPDATE ledger.subscription_change SET status = ''active''', 'DELETE FROM ledger.subscription_change', 'TRUNCATE ledger.subscription_change',
    'UPDATE ledger.customer_user_change SET user_after = ''me''', 'DELETE FROM ledger.customer_user_change', 'TRUNCATE ledger.customer_user_change',
    'UPDATE ledger.account SET unit = ''eur''', 'DELETE FROM ledger.account', 'TRUNCATE ledger.account CASCADE',
    'UPDATE ledger.entry_kind SET has_postings = false', 'DELETE FROM ledger.entry_kind', 'TRUNCATE ledger.entry_kind CASCADE',
    'UPDATE ledger.account_kind SET normal_side = ''debit''', 'DELETE FROM ledger.account_kind', 'TRUNCATE ledger.account_kind CASCADE'
    ]) AS a (sql);
SELECT is(t.try('instep_owner', 'INSERT INTO ledger.posting SELECT min(id), 9, (SELECT min(id) FROM ledger.account), ''usd'', 5 FROM ledger.journal_entry'),
    'IS005', 'an entry is sealed after its transaction');
SELECT is(t.try('instep_owner', 'WITH p AS (INSERT INTO ledger.posting SELECT max(e.id), 8 + a.id, a.id, ''usd'', CASE WHEN a.code = ''sales'' THEN 5 ELSE -5 END FROM ledger.journal_entry AS e, ledger.account AS a WHERE a.unit = ''usd'' GROUP BY a.id, a.code RETURNING 1) SELECT * FROM p'),
    'IS005', 'even against a pair that balances');

-- balanced, at commit
CREATE FUNCTION pg_temp.entry(p_kind text, p_postings text, p_key text DEFAULT 'test:1') RETURNS text LANGUAGE sql AS $$
    SELECT format($q$SELECT ledger.post_entry(jsonb_build_object('kind', %L, 'key', %L, 'account', 'self', 'customer', 'cus_1',
        'source', 'in_t', 'rule', 'test', 'facts', '{}'::jsonb, 'effective', 1767225600, 'turn', (SELECT max(id::text) FROM ops.turn)), %L)$q$,
        p_kind, p_key, p_postings) $$;
SELECT is(t.try('instep_owner', pg_temp.entry(c.kind, c.postings)), c.want, c.name) FROM (VALUES
    ('balanced', 'sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]', 'ok'),
    ('off by one', 'sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -4}]', '23514'),
    ('one line', 'sale', '[{"code": "collected", "unit": "usd", "amount": 5}]', '23514'),
    ('no line', 'sale', '[]', '23514'),
    ('balanced over two units only', 'sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "eur", "amount": -5}]', '23514'),
    ('balanced in each of two units', 'sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}, {"code": "collected", "unit": "eur", "amount": 7}, {"code": "sales", "unit": "eur", "amount": -7}]', 'ok'),
    ('a posting of zero', 'sale', '[{"code": "collected", "unit": "usd", "amount": 0}, {"code": "sales", "unit": "usd", "amount": 0}]', '23514'),
    ('a posting beyond 64 bits', 'sale', '[{"code": "collected", "unit": "usd", "amount": 9223372036854775808}, {"code": "sales", "unit": "usd", "amount": -9223372036854775808}]', '22003'),
    ('half a cent', 'sale', '[{"code": "collected", "unit": "usd", "amount": 0.5}, {"code": "sales", "unit": "usd", "amount": -0.5}]', '22P02'),
    ('a sum beyond 64 bits that balances', 'sale', '[{"code": "collected", "unit": "usd", "amount": 9223372036854775807}, {"code": "collected", "unit": "usd", "amount": 9223372036854775807}, {"code": "sales", "unit": "usd", "amount": -9223372036854775807}, {"code": "sales", "unit": "usd", "amount": -9223372036854775807}]', 'ok'),
    ('a zero sale without lines', 'sale_zero', '[]', 'ok'),
    ('a zero sale with money', 'sale_zero', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]', '23514'),
    ('an unknown kind', 'gift', '[]', '23503'),
    ('an unknown account code', 'sale', '[{"code": "pocket", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]', '23503'),
    ('a currency that is none', 'sale', '[{"code": "collected", "unit": "USD", "amount": 5}, {"code": "sales", "unit": "USD", "amount": -5}]', '23514')
    ) AS c (name, kind, postings, want);
SELECT is(t.try('instep_owner', pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]')
    || $q$; SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO ledger.posting SELECT max(e.id), 3, (SELECT min(id) FROM ledger.account WHERE unit = 'usd'), 'usd', 1 FROM ledger.journal_entry AS e$q$),
    '23514', 'checking early does not open a door for one more line');
SELECT is(t.try('instep_owner', pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]')
    || $q$; INSERT INTO ledger.posting SELECT max(e.id), 3, (SELECT min(id) FROM ledger.account WHERE unit = 'usd'), 'eur', 1 FROM ledger.journal_entry AS e$q$),
    '23503', 'a posting has the unit of its account');

-- once
SELECT is(t.try('instep_owner', pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]')
    || ';' || pg_temp.entry('sale', '[{"code": "sales", "unit": "usd", "amount": -5}, {"code": "collected", "unit": "usd", "amount": 5}]')
    || $q$; DO $d$ BEGIN ASSERT (SELECT count(*) FROM ledger.journal_entry WHERE source = 'in_t') = 1; END $d$$q$), 'ok', 'the same key with the same content is one entry, in whatever order its lines come');
SELECT is(t.try('instep_owner', pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 5}, {"code": "sales", "unit": "usd", "amount": -5}]')
    || ';' || pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 6}, {"code": "sales", "unit": "usd", "amount": -6}]')), 'IS002', 'the same key with another amount is an error');
SELECT is(t.try('instep_owner', pg_temp.entry('sale_zero', '[]') || ';' || pg_temp.entry('sale', '[{"code": "collected", "unit": "usd", "amount": 6}, {"code": "sales", "unit": "usd", "amount": -6}]')), 'IS002', 'the same key with another kind is an error');
SELECT is(t.try('instep_owner', replace(pg_temp.entry('sale_zero', '[]'), 'in_t', 'in_0') || ';' || pg_temp.entry('sale_zero', '[]')), 'IS002', 'the same key for another source is an error');
SELECT is(t.try('instep_owner', 'INSERT INTO ledger.journal_entry (kind, idempotency_key, content_hash, account, source, rule, facts, effective_at, recorded_at, turn, xid) SELECT kind, idempotency_key, content_hash, account, source, rule, facts, effective_at, recorded_at, turn, xid FROM ledger.journal_entry LIMIT 1'),
    '23505', 'nor can the key be inserted by hand');
SELECT is(t.try('instep_owner', $q$INSERT INTO ledger.journal_entry (kind, idempotency_key, content_hash, account, source, rule, facts, effective_at, recorded_at, turn, xid)
    SELECT 'sale_zero', 'test:2', content_hash, account, source, rule, facts, effective_at, '2001-01-01', turn, '3' FROM ledger.journal_entry LIMIT 1;
    DO $d$ BEGIN ASSERT (SELECT xid = pg_current_xact_id() AND recorded_at > '2002-01-01' FROM ledger.journal_entry WHERE idempotency_key = 'test:2'); END $d$$q$),
    'ok', 'who inserts by hand chooses neither transaction nor moment');

-- corrections
CREATE FUNCTION pg_temp.correction(p_key text, p_of text) RETURNS text LANGUAGE sql AS $$
    SELECT format($q$SELECT ledger.post_entry(jsonb_build_object('kind', 'sale', 'key', %L, 'account', 'self', 'source', 'in_1', 'rule', 'test', 'facts', '{}'::jsonb,
        'effective', 1767225600, 'turn', (SELECT max(id::text) FROM ops.turn), 'corrects', %s),
        '[{"code": "collected", "unit": "usd", "amount": -1999}, {"code": "sales", "unit": "usd", "amount": 1999}]')$q$, p_key, p_of) $$;
SELECT is(t.try('instep_owner', pg_temp.correction('test:c1', '(SELECT max(id) FROM ledger.journal_entry)')), 'ok', 'a correction names the entry that it corrects');
SELECT is(t.try('instep_owner', pg_temp.correction('test:c1', '(SELECT min(id) FROM ledger.journal_entry)') || ';' || pg_temp.correction('test:c2', '(SELECT min(id) FROM ledger.journal_entry)')), '23505', 'an entry is corrected once');
SELECT is(t.try('instep_owner', pg_temp.correction('test:c1', '999999999')), '23514', 'not one that is to come');

SELECT is((SELECT row(entries, postings)::text FROM snapshot),
          (SELECT row((SELECT jsonb_agg(to_jsonb(e) ORDER BY e.id) FROM ledger.journal_entry AS e), (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.entry_id, p.line) FROM ledger.posting AS p))::text),
          'after all that every entry and posting is what it was');
SELECT is((SELECT count(*) FROM ledger.journal_entry AS e WHERE content_hash IS DISTINCT FROM ledger.entry_hash_of(e,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('code', a.code, 'holder', a.holder, 'unit', p.unit, 'amount', p.amount)), '[]')
       FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id WHERE p.entry_id = e.id))), 0::bigint, 'hashes are of what is stored');
SELECT * FROM finish();
ROLLBACK;
