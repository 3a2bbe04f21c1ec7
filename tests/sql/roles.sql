-- Who may do what: every role against every table with every verb, and the exact list of what each may execute.
BEGIN;
SELECT no_plan();
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}'), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)));

-- Tried, not read from the catalogue: statement by statement, as the role.
CREATE TEMP TABLE attempt AS
SELECT r.role, c.oid::regclass AS tab, v.verb, t.try(r.role, format(v.sql, c.oid::regclass, a.attname)) AS got
  FROM unnest(ARRAY['instep_worker', 'instep_reader', 'instep_operator', 'instep_app']) AS r (role)
 CROSS JOIN pg_class AS c
  JOIN LATERAL (SELECT quote_ident(attname) AS attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum LIMIT 1) AS a ON true
 CROSS JOIN (VALUES ('SELECT', 'SELECT * FROM %1$s'), ('INSERT', 'INSERT INTO %1$s DEFAULT VALUES'), ('UPDATE', 'UPDATE %1$s SET %2$s = %2$s'),
                    ('DELETE', 'DELETE FROM %1$s'), ('TRUNCATE', 'TRUNCATE %1$s CASCADE'), ('LOCK', 'LOCK TABLE %1$s IN ACCESS SHARE MODE'),
                    ('SELECT FOR UPDATE', 'SELECT * FROM %1$s FOR UPDATE')) AS v (verb, sql)
 WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace, 'dashboard'::regnamespace)
   AND NOT (c.relkind = 'v' AND v.verb IN ('TRUNCATE'));
SELECT cmp_ok(count(*), '>', 500::bigint, 'enough was tried') FROM attempt;
SELECT is((SELECT string_agg(concat_ws(' ', role, verb, tab, got), '; ') FROM attempt
            WHERE got <> '42501'
              AND NOT (role = 'instep_reader' AND tab::text LIKE 'dashboard.%' AND verb IN ('SELECT', 'LOCK'))
              -- a view that joins cannot be written at all, and says so before it looks at rights
              AND NOT (got IN ('55000', '0A000') AND verb IN ('INSERT', 'UPDATE', 'DELETE')
                       AND (tab::text LIKE 'dashboard.%' OR tab::text = 'ledger.entry_explained'))), NULL,
          'every verb on every table is denied to everybody but the owner');
SELECT is((SELECT array_agg(DISTINCT got) FROM attempt WHERE role = 'instep_reader' AND tab::text LIKE 'dashboard.%' AND verb = 'SELECT'), '{ok}',
          'except reading the dashboard, to readers');

-- exact lists of functions
CREATE FUNCTION pg_temp.may(p_role text) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(f.oid::regproc::text ORDER BY f.oid::regproc::text COLLATE "C"), '{}') FROM pg_proc AS f
     WHERE f.pronamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace, 'dashboard'::regnamespace)
       AND has_function_privilege(p_role, f.oid, 'EXECUTE') $$;
SELECT is(pg_temp.may('instep_worker'), '{ledger.apply_turn,ops.claim_customer,ops.credits_due,ops.fail_turn,ops.looks_due,ops.route_object}', 'the worker: exactly six functions');
SELECT is(pg_temp.may('instep_reader'), '{}', 'the reader: none');
SELECT is(pg_temp.may('instep_app'), '{ledger.credit_balance,ledger.credit_lots,ledger.entitlement,ledger.grant_credits,ledger.record_usage,ledger.refund_spend,ledger.spend_credits,ledger.subscription_state}',
    'the application: its questions, credits and usage');
SELECT is(pg_temp.may('instep_operator'), '{ledger.credit_balance,ledger.credit_lots,ledger.grant_credits,ledger.load_plans,ledger.plan_errors,ops.credits_show,ops.customer_of,ops.dead_letter_list,ops.dead_letter_show,ops.dead_letter_take_for_retry,ops.event_outcome,ops.event_show,ops.explain,ops.ledger_truth,ops.link_user,ops.plan_export,ops.plan_list,ops.plan_show,ops.prune_events,ops.prune_payloads,ops.prune_turns,ops.status,ops.verify}',
    'the operator: exactly these');
SELECT is(t.try(r.role, s.sql), '42501', r.role || ': ' || s.sql)
  FROM unnest(ARRAY['instep_worker', 'instep_reader', 'instep_operator', 'instep_app']) AS r (role),
       unnest(ARRAY['CREATE TABLE ledger.mine (x int)', 'CREATE TABLE ops.mine (x int)', 'CREATE FUNCTION stripe.whole() RETURNS int LANGUAGE sql AS ''SELECT 1''',
                    'CREATE VIEW dashboard.mine AS SELECT 1', 'CREATE SCHEMA mine', 'CREATE TABLE public.mine (x int)',
                    'ALTER TABLE ledger.posting DISABLE TRIGGER ALL', 'DROP TABLE ledger.posting', 'CREATE ROLE mine', 'ALTER ROLE instep_worker SUPERUSER',
                    'SELECT ledger.post_entry(''{}'', ''[]'')', 'SELECT ops.record_events(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)',
                    'SELECT stripe.whole(NULL, NULL, NULL)', 'SELECT nextval(''ledger.journal_entry_id_seq'')',
                    'SELECT setval(''ledger.journal_entry_id_seq'', 1)']) AS s (sql);
SELECT is((SELECT array_agg(r.rolname) FROM pg_roles AS r WHERE r.rolname LIKE 'instep\_%' AND r.rolname <> 'instep_owner' AND r.rolcanlogin = false
             AND pg_has_role(r.rolname, 'instep_owner', 'MEMBER')), NULL, 'no group role is a member of the owner');
SELECT is((SELECT array_agg(r.rolname) FROM pg_roles AS r WHERE r.rolname IN ('instep_owner', 'instep_worker', 'instep_reader', 'instep_operator', 'instep_app')
             AND (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)), NULL, 'the roles carry no powers and nobody logs in as them');
SELECT is((SELECT array_agg(c.oid::regclass::text) FROM pg_class AS c WHERE c.relnamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace, 'dashboard'::regnamespace)
             AND c.relkind IN ('r', 'v', 'S') AND c.relowner <> 'instep_owner'::regrole), NULL, 'the owner owns every table');
SELECT is((SELECT array_agg(f.oid::regprocedure::text) FROM pg_proc AS f WHERE f.pronamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace)
             AND f.proowner <> 'instep_owner'::regrole), NULL, 'and every function');
SELECT is((SELECT array_agg(f.oid::regprocedure::text) FROM pg_proc AS f WHERE f.pronamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace)
             AND f.prosecdef AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(f.proconfig, '{}'))), NULL, 'functions with the owner''s rights fix their search_path');

-- what is made later is closed too
SET LOCAL ROLE instep_owner;
CREATE TABLE ledger.later (x int);
CREATE FUNCTION ops.later() RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
SELECT is(has_table_privilege('instep_worker', 'ledger.later', 'SELECT') OR has_function_privilege('instep_worker', 'ops.later()', 'EXECUTE'), false, 'a new table or function is closed until granted');

SELECT is(t.try(r.role, 'CREATE TEMP TABLE mine (x int)'), '42501', r.role || ' makes no temporary objects')
  FROM unnest(ARRAY['instep_worker', 'instep_reader', 'instep_operator', 'instep_app']) AS r (role);
CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE public.mine_too (x int);
SELECT is(has_function_privilege('instep_worker', 'public.mine()', 'EXECUTE') OR has_table_privilege('instep_worker', 'public.mine_too', 'SELECT'), false, 'what the migrating role makes is closed too');

-- a temporary object cannot stand in for one of the ledger's, even where they are allowed
DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO instep_worker', current_database()); END $$;
SET LOCAL ROLE instep_worker;
CREATE TEMP TABLE customer (account text, id text, claim uuid, claim_used boolean);
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2001-01-01'::timestamptz $$;
RESET ROLE;
SELECT is(t.turn('cus_1', '[]') ->> 'outcome', 'applied', 'temporary objects of the caller are not taken for the ledger''s');

-- the four functions do work for the worker, the view for the reader, the question for the application
SELECT is(t.try('instep_worker', $$SELECT ops.claim_customer('self', 'cus_2', gen_random_uuid(), '{}', 'w'), ops.route_object('self', 'ch_1', gen_random_uuid(), 'cus_2', NULL),
    ops.fail_turn('{"account": "self", "subject": "cus_2", "worker": "w", "turn": "00000000-0000-4000-8000-000000000001", "class": "bug", "error": "x", "bury": true, "events": []}'), ledger.apply_turn('{"v": 1}')$$), 'ok', 'the worker works');
SELECT is(t.try('instep_reader', 'SELECT * FROM dashboard.revenue_ledger, dashboard.stripe_events, dashboard.user_subscriptions'), 'ok', 'the reader reads');
SELECT is(t.try('instep_app', $$DO $d$ BEGIN ASSERT (SELECT entitled FROM ledger.entitlement('u1')); END $d$ $$), 'ok', 'the application asks');
SELECT is(t.try('instep_operator', 'SELECT ops.status(), ops.ledger_truth(), (SELECT count(*) FROM ops.verify()), (SELECT count(*) FROM ops.explain(''sales''))'), 'ok', 'the operator looks');
SELECT * FROM finish();
ROLLBACK;
