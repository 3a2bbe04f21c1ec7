-- ops.verify finds what a superuser did behind the triggers' back: every promise is broken once.
BEGIN;
SELECT no_plan();
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'past_due', NULL, '{"metadata": {"user_id": "u1"}}'),
    t.invoice('in_0', 'cus_1', 'sub_1', 'paid', 0), t.invoice('in_1', 'cus_1', 'sub_1', 'paid', 1999)), jsonb_build_array(t.event('evt_1', 'invoice.paid', 'in_1')));
SELECT t.turn('cus_1', jsonb_build_array(t.sub('sub_1', 'cus_1', 'active', NULL, '{"metadata": {"user_id": "u1"}}')));
SELECT t.turn('cus_3', jsonb_build_array(t.session('cs_1', 'cus_3', 'payment', 'paid', 500), '{"object": "customer", "id": "cus_3", "deleted": true}'::jsonb), jsonb_build_array(t.event('evt_3', 'customer.deleted', 'cus_3')));
SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', 'cus_2', 'worker', 'w', 'turn', gen_random_uuid(), 'class', 'bug', 'error', 'x', 'attempt', 3, 'bury', true, 'events', jsonb_build_array(t.event('evt_2', 'invoice.paid'))));
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies before');
INSERT INTO ledger.app_user VALUES ('u2');

-- Which checks fail after p_sql; everything is undone.
CREATE FUNCTION pg_temp.broken(p_sql text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE v text[];
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE p_sql;
        SET LOCAL session_replication_role = origin;
        SELECT coalesce(array_agg(c.check_name), '{}') INTO v FROM ops.verify() AS c WHERE NOT c.ok;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        RETURN v;
    END;
END $$;
SELECT ok(c.want = ANY (pg_temp.broken(c.sql)), c.sql) FROM (VALUES
    ('every entry sums to zero per unit', 'UPDATE ledger.posting SET amount = amount + 1 WHERE line = 1'),
    ('the ledger sums to zero per unit', 'UPDATE ledger.posting SET amount = amount + 1 WHERE line = 1'),
    ('the content of every entry matches its hash', 'UPDATE ledger.posting SET amount = amount * 2'),
    ('every sale is the sum of its entries', 'UPDATE ledger.posting SET amount = amount * 2'),
    ('every entry has the postings of its kind', 'DELETE FROM ledger.posting'),
    ('postings stay in their entry''s Stripe account', 'UPDATE ledger.account SET account = ''acct_2'''),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET effective_at = effective_at + interval ''1 day'' WHERE source = ''in_1'''),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET customer = ''cus_2'''),
    ('every entry comes from an applied turn', 'UPDATE ops.turn SET outcome = ''dead'''),
    ('every sale is the sum of its entries', 'UPDATE ledger.sale SET amount = 1 WHERE source = ''in_0'''),
    ('every sale is the sum of its entries', 'DELETE FROM ledger.journal_entry WHERE kind = ''sale_zero'''),
    ('every entry belongs to a sale', 'DELETE FROM ledger.sale'),
    ('what was paid is booked, and nothing else', 'DELETE FROM ledger.sale WHERE source = ''in_0'''),
    ('what was paid is booked, and nothing else', 'DELETE FROM ledger.invoice WHERE id = ''in_1'''),
    ('what was paid is booked, and nothing else', 'UPDATE ledger.invoice SET amount_paid = 2000 WHERE id = ''in_1'''),
    ('entitlements are what the policy says', 'UPDATE ledger.entitlement SET entitled = false'),
    ('entitlements are what the policy says', 'DELETE FROM ledger.entitlement'),
    ('entitlements are what the policy says', 'UPDATE ledger.entitlement SET entitled_until = now()'),
    ('sales and entitlements name the customer''s user', 'UPDATE ledger.sale SET user_id = ''u2'' WHERE source = ''in_1'''),
    ('sales and entitlements name the customer''s user', 'UPDATE ledger.entitlement SET user_id = ''u2'''),
    ('the history of a subscription ends in its state', 'UPDATE ledger.subscription SET state = state || ''{"status": "unpaid"}'''),
    ('the history of a subscription ends in its state', 'DELETE FROM ledger.subscription_change'),
    ('the history of a subscription goes forward', 'UPDATE ledger.subscription_change SET effective_at = effective_at + interval ''900 days'' WHERE status = ''past_due'''),
    ('the items of a subscription are those of its state', 'UPDATE ledger.subscription_item SET removed_at = now()'),
    ('every finished event has an applied turn', 'UPDATE ops.turn SET outcome = ''retrying'''),
    ('finished events are of this ledger''s mode', 'UPDATE ops.webhook_event SET livemode = true'),
    ('every dead event has an open dead letter, and only unfinished ones have', 'DELETE FROM ops.dead_letter'),
    ('every dead event has an open dead letter, and only unfinished ones have', 'UPDATE ops.dead_letter SET event_id = ''evt_1'''),
    ('the guards of append-only tables are in place', 'ALTER TABLE ledger.posting DISABLE TRIGGER append_only_rows'),
    ('the guards of append-only tables are in place', 'DROP TRIGGER balanced ON ledger.journal_entry'),
    ('the guards of append-only tables are in place', 'ALTER TABLE ledger.subscription_change DISABLE TRIGGER ALL'),
    ('nobody but the owner has rights on tables', 'GRANT SELECT ON ledger.sale TO instep_reader'),
    ('nobody but the owner has rights on tables', 'GRANT INSERT ON ledger.posting TO PUBLIC'),
    ('nobody may execute what is not granted by name', 'GRANT EXECUTE ON FUNCTION ledger.post_entry(jsonb, jsonb) TO PUBLIC'),
    ('functions with the owner''s rights fix their search_path', 'ALTER FUNCTION ledger.apply_turn(jsonb) RESET ALL'),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET user_id = ''u2'' WHERE source = ''in_1'''),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET idempotency_key = ''sale:other'' WHERE source = ''in_1'''),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET facts = facts || ''{"amount_paid": 1}'' WHERE source = ''in_1'''),
    ('the content of every entry matches its hash', 'UPDATE ledger.journal_entry SET rule = ''mine'''),
    ('the columns of a subscription are those of its state', 'UPDATE ledger.subscription SET status = ''unpaid'''),
    ('the columns of a subscription are those of its state', 'UPDATE ledger.subscription SET cancel_at = now()'),
    ('the columns of a subscription are those of its state', 'UPDATE ledger.subscription SET cancel_at_period_end = true'),
    ('the columns of a subscription are those of its state', 'UPDATE ledger.subscription SET pause_collection = ''void'''),
    ('the items of a subscription are those of its state', 'UPDATE ledger.subscription_item SET quantity = 7'),
    ('the items of a subscription are those of its state', 'UPDATE ledger.subscription_item SET current_period_end = current_period_end + interval ''1 day'''),
    ('the items of a subscription are those of its state', 'UPDATE ledger.subscription_item SET price_id = ''price_other'''),
    ('entitlements are of a subscription, its customer and a plan of it', 'DELETE FROM ledger.subscription'),
    ('entitlements are of a subscription, its customer and a plan of it', 'UPDATE ledger.entitlement SET plan_key = ''big'''),
    ('entitlements are of a subscription, its customer and a plan of it', 'UPDATE ledger.entitlement SET plan_key = NULL'),
    ('entitlements are of a subscription, its customer and a plan of it', 'UPDATE ledger.entitlement SET customer = ''cus_2'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET customer = NULL WHERE source = ''in_1'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET kind = ''invoice'' WHERE source = ''in_1'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET subscription = ''sub_2'' WHERE source = ''in_1'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET paid_at = now() WHERE source = ''in_1'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET discount_amount = 5 WHERE source = ''in_1'''),
    ('sales say what their invoice or session says', 'UPDATE ledger.sale SET discount_amount = 5 WHERE source = ''cs_1'''),
    ('a turn counts the events that it finished', 'DELETE FROM ops.webhook_event WHERE id = ''evt_1'''),
    ('a turn counts the events that it finished', 'UPDATE ops.turn SET events_count = 0'),
    ('customers whose deletion was applied are deleted', 'UPDATE ledger.customer SET deleted = false'),
    ('an object of Stripe is in one account', 'INSERT INTO ledger.customer (account, id, kind) VALUES (''acct_2'', ''cus_1'', ''customer'')'),
    ('an object of Stripe is in one account', 'INSERT INTO ledger.invoice SELECT (jsonb_populate_record(i, ''{"account": "acct_2"}'')).* FROM ledger.invoice AS i'),
    ('an object of Stripe is in one account', 'INSERT INTO ledger.checkout_session SELECT (jsonb_populate_record(s, ''{"account": "acct_2"}'')).* FROM ledger.checkout_session AS s'),
    ('the guards of append-only tables are in place', 'ALTER TABLE ledger.entry_kind DISABLE TRIGGER append_only_rows'),
    ('the guards of append-only tables are in place', 'CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END'''),
    ('the guards of append-only tables are in place', 'CREATE OR REPLACE TRIGGER append_only_rows BEFORE UPDATE ON ledger.posting FOR EACH ROW WHEN (false) EXECUTE FUNCTION ledger.refuse_change()'),
    ('the guards of append-only tables are in place', 'CREATE OR REPLACE TRIGGER sealed BEFORE INSERT ON ledger.posting FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
    ('no rule or inheritance leads around a guard', 'CREATE RULE mine AS ON INSERT TO ledger.posting DO INSTEAD NOTHING'),
    ('no rule or inheritance leads around a guard', 'CREATE TABLE ledger.mine () INHERITS (ledger.posting)'),
    ('constraints and unique indexes are valid', 'UPDATE pg_index SET indisvalid = false WHERE indexrelid = ''ledger.journal_entry_key_once''::regclass')
    ) AS c (want, sql);
SELECT is((SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok), NULL, 'the ledger verifies after');
SELECT * FROM finish();
ROLLBACK;
