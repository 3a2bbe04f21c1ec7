-- ops.verify: is the ledger what it promises to be? One row per invariant, with the number of offenders and one of them.
--   Reads everything: minutes on a large ledger. One statement, so one consistent moment.
--   Open dead letters and flagged sales are not broken promises; ops.status counts them.
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.verify();
CREATE FUNCTION ops.verify() RETURNS TABLE (check_name text, ok boolean, detail text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH line AS (
        SELECT p.entry_id, p.line, p.unit, p.amount, a.account, a.code, a.holder
          FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id
    ), entry AS (
        SELECT e.*, e AS row, k.has_postings, coalesce(l.lines, 0) AS lines, l.booked, coalesce(l.list, '[]') AS list
          FROM ledger.journal_entry AS e
          JOIN ledger.entry_kind AS k ON k.kind = e.kind
          LEFT JOIN (SELECT l.entry_id, count(*) AS lines,
                            -coalesce(sum(l.amount) FILTER (WHERE l.code = 'sales'), 0) AS booked,
                            jsonb_agg(jsonb_build_object('code', l.code, 'holder', l.holder, 'unit', l.unit,
                                                         'amount', l.amount)) AS list
                       FROM line AS l GROUP BY l.entry_id) AS l ON l.entry_id = e.id
    ), due AS ( -- what the mirror says should be booked; NULL: no sale
        SELECT i.account, i.id AS source, i.currency, i.amount_paid AS amount, i.amount_off_stripe AS elsewhere
          FROM ledger.invoice AS i
         WHERE i.status = 'paid'
           AND NOT EXISTS (SELECT FROM ledger.checkout_session AS s
                            WHERE s.account = i.account AND s.invoice = i.id AND s.mode = 'payment'
                              AND s.payment_status <> 'unpaid')
        UNION ALL
        SELECT s.account, s.id, s.currency, s.amount_total, 0
          FROM ledger.checkout_session AS s WHERE s.mode = 'payment' AND s.payment_status = 'paid'
        UNION ALL
        SELECT c.account, c.id, c.currency, c.amount_captured, 0
          FROM ledger.charge AS c WHERE c.sale = c.id AND c.status = 'succeeded' AND c.captured
    ), booked AS ( -- what all entries of a fact add up to
        SELECT e.account, e.rule, e.source, l.code, l.unit, sum(l.amount) AS amount
          FROM ledger.journal_entry AS e JOIN line AS l ON l.entry_id = e.id
         GROUP BY e.account, e.rule, e.source, l.code, l.unit HAVING sum(l.amount) <> 0
    ), owed AS ( -- and what the state says that they should; sales apart
        SELECT r.account, 'refund' AS rule, r.id AS source, n.code, r.currency AS unit, n.amount
          FROM ledger.refund AS r
         CROSS JOIN LATERAL (VALUES ('refunds', r.amount),
                                    (CASE r.state WHEN 'pending' THEN 'refunds_payable' ELSE 'collected' END, -r.amount))
                            AS n (code, amount)
         WHERE r.state <> 'none'
        UNION ALL
        SELECT d.account, 'dispute', d.id, n.code, d.currency, n.amount
          FROM ledger.dispute AS d
         CROSS JOIN LATERAL (VALUES ('disputes_' || d.state, d.amount), ('collected', -d.amount)) AS n (code, amount)
         WHERE d.state <> 'none'
        UNION ALL
        SELECT c.account, 'credit_note', c.id, n.code, c.currency, n.amount
          FROM ledger.credit_note AS c
         CROSS JOIN LATERAL (VALUES ('credit_notes', c.to_balance + c.elsewhere), ('customer_credit', -c.to_balance),
                                    ('collected_elsewhere', -c.elsewhere)) AS n (code, amount)
         WHERE c.status <> 'void'
        UNION ALL
        SELECT i.account, 'credit.invoice', i.id, n.code, i.currency, n.sign * g.granted
          FROM ledger.invoice AS i
         CROSS JOIN LATERAL (SELECT i.amount_overpaid + i.starting_balance - coalesce(i.ending_balance, i.starting_balance)
                                    AS granted) AS g
         CROSS JOIN LATERAL (VALUES ('credit_applied', 1), ('customer_credit', -1)) AS n (code, sign)
         WHERE i.status NOT IN ('draft', 'void')
        UNION ALL
        SELECT b.account, 'fee', b.id, n.code, b.currency, n.amount
          FROM ledger.balance_transaction AS b
         CROSS JOIN LATERAL (VALUES ('fees', b.fee), ('fees_withheld', -b.fee)) AS n (code, amount)
    ), wrong AS (
        SELECT coalesce(o.rule, b.rule) AS rule, coalesce(o.source, b.source) || ' ' || coalesce(o.code, b.code) || ' is '
               || coalesce(b.amount, 0) || ', should be ' || coalesce(o.amount, 0) || ' ' || coalesce(o.unit, b.unit) AS example
          FROM (SELECT o.* FROM owed AS o WHERE o.amount <> 0) AS o
          FULL JOIN (SELECT b.* FROM booked AS b WHERE b.rule NOT LIKE 'sale.%') AS b
            ON (b.account, b.rule, b.source, b.code, b.unit) = (o.account, o.rule, o.source, o.code, o.unit)
         WHERE o.amount IS DISTINCT FROM b.amount
    ), paper AS (
        SELECT c.*, ledger.paper_of(c.account, c.id, c.payment_intent, c.invoice) AS paper FROM ledger.charge AS c
    ), guard (tab, trig, fun, moments) AS (
        SELECT 'ledger.' || n.tab, g.trig, 'ledger.refuse_change()', g.moments
          FROM unnest(ARRAY['journal_entry', 'posting', 'account', 'account_kind', 'entry_kind', 'subscription_change',
                            'customer_user_change', 'plan_version', 'credit_kind', 'credit_entry', 'usage_entry']) AS n (tab),
               (VALUES ('append_only_rows', 27), ('append_only_table', 34)) AS g (trig, moments)
        UNION ALL
        VALUES ('ledger.journal_entry', 'stamp', 'ledger.stamp_entry()', 7),
               ('ledger.journal_entry', 'balanced', 'ledger.check_entry_balance()', 5),
               ('ledger.posting', 'sealed', 'ledger.check_posting_sealed()', 7),
               ('ledger.posting', 'balanced', 'ledger.check_entry_balance()', 5),
               ('ledger.credit_entry', 'chained', 'ledger.chain_credit_entry()', 7),
               ('ledger.credit_holder', 'checked', 'ledger.check_credit_holder()', 23),
               ('ledger.credit_lot', 'checked', 'ledger.check_credit_lot()', 23),
               ('ledger.credit_lot', 'counted', 'ledger.count_credit_lot()', 23)
    ), bad (check_name, example) AS (
        SELECT 'every entry sums to zero per unit', 'entry ' || l.entry_id || ' ' || l.unit || ' ' || sum(l.amount)
          FROM line AS l GROUP BY l.entry_id, l.unit HAVING sum(l.amount) <> 0
        UNION ALL
        SELECT 'every entry has the postings of its kind', 'entry ' || e.id || ' has ' || e.lines
          FROM entry AS e WHERE e.has_postings AND e.lines < 2 OR NOT e.has_postings AND e.lines > 0
        UNION ALL
        SELECT 'the ledger sums to zero per unit', l.account || ' ' || l.unit || ' ' || sum(l.amount)
          FROM line AS l GROUP BY l.account, l.unit HAVING sum(l.amount) <> 0
        UNION ALL
        SELECT 'postings stay in their entry''s Stripe account', 'entry ' || e.id
          FROM entry AS e JOIN line AS l ON l.entry_id = e.id WHERE l.account <> e.account
        UNION ALL
        SELECT 'the content of every entry matches its hash', 'entry ' || e.id || ' ' || e.idempotency_key
          FROM entry AS e
         WHERE e.content_hash IS DISTINCT FROM ledger.entry_hash_of(e.row, e.list)
        UNION ALL
        SELECT 'every entry comes from an applied turn', 'entry ' || e.id || ' turn ' || e.turn
          FROM entry AS e JOIN ops.turn AS t ON t.id = e.turn WHERE t.outcome <> 'applied'
        UNION ALL
        SELECT 'every sale is the sum of its entries',
               s.source || ' shows ' || s.amount || ', booked ' || coalesce(b.booked, 0)
          FROM ledger.sale AS s
          LEFT JOIN (SELECT e.account, e.source, sum(coalesce(e.booked, 0)) AS booked, count(*) AS n
                       FROM entry AS e WHERE e.rule LIKE 'sale.%' GROUP BY e.account, e.source) AS b
            ON b.account = s.account AND b.source = s.source
         WHERE s.amount <> coalesce(b.booked, 0) OR s.entries_count <> coalesce(b.n, 0) OR b.n IS NULL
        UNION ALL
        SELECT 'every entry belongs to a sale', 'entry ' || e.id || ' ' || e.source
          FROM entry AS e
         WHERE e.rule LIKE 'sale.%'
           AND NOT EXISTS (SELECT FROM ledger.sale AS s WHERE s.account = e.account AND s.source = e.source)
        UNION ALL
        SELECT 'every sale is the sum of its entries', s.source || ' elsewhere shows ' || s.elsewhere || ', booked '
               || coalesce(b.amount, 0)
          FROM ledger.sale AS s
          LEFT JOIN (SELECT b.account, b.source, sum(b.amount) AS amount FROM booked AS b
                      WHERE b.rule LIKE 'sale.%' AND b.code = 'collected_elsewhere' GROUP BY b.account, b.source) AS b
            ON b.account = s.account AND b.source = s.source
         WHERE s.elsewhere <> coalesce(b.amount, 0)
        UNION ALL
        SELECT n.check_name, w.example
          FROM (VALUES ('refund', 'refunds are booked as they stand'), ('dispute', 'disputes are booked as they stand'),
                       ('credit_note', 'credit notes are booked as they stand'),
                       ('credit.invoice', 'what invoices did to balances is booked'), ('fee', 'fees are booked')) AS n (rule, check_name)
          JOIN wrong AS w ON w.rule = n.rule
        UNION ALL
        SELECT 'every entry is of a rule', w.example FROM wrong AS w
         WHERE w.rule NOT IN ('refund', 'dispute', 'credit_note', 'credit.invoice', 'fee')
        UNION ALL
        SELECT 'every entry is of a rule', 'entry ' || e.id || ' ' || e.rule
          FROM entry AS e
         WHERE e.rule NOT IN ('sale.invoice', 'sale.session', 'sale.charge', 'refund', 'dispute', 'credit_note',
                              'credit.invoice', 'fee', 'written_off')
            OR e.rule <> 'sale.invoice' AND NOT EXISTS (
                   SELECT FROM ledger.refund AS r WHERE e.rule = 'refund' AND r.account = e.account AND r.id = e.source
                   UNION ALL
                   SELECT FROM ledger.dispute AS d WHERE e.rule = 'dispute' AND d.account = e.account AND d.id = e.source
                   UNION ALL
                   SELECT FROM ledger.credit_note AS c WHERE e.rule = 'credit_note' AND c.account = e.account AND c.id = e.source
                   UNION ALL
                   SELECT FROM ledger.invoice AS i
                    WHERE e.rule IN ('credit.invoice', 'written_off') AND i.account = e.account AND i.id = e.source
                   UNION ALL
                   SELECT FROM ledger.balance_transaction AS b WHERE e.rule = 'fee' AND b.account = e.account AND b.id = e.source
                   UNION ALL
                   SELECT FROM ledger.checkout_session AS s
                    WHERE e.rule = 'sale.session' AND s.account = e.account AND s.id = e.source
                   UNION ALL
                   SELECT FROM ledger.charge AS c WHERE e.rule = 'sale.charge' AND c.account = e.account AND c.id = e.source)
        UNION ALL
        SELECT 'invoices written off are on record', coalesce(w.id, e.source) || ' ' || coalesce(w.kind, e.kind)
          FROM (SELECT i.account, i.id, 'invoice_voided' AS kind, i.voided_at AS at FROM ledger.invoice AS i
                 WHERE i.voided_at IS NOT NULL
                UNION ALL
                SELECT i.account, i.id, 'invoice_uncollectible', i.uncollectible_at FROM ledger.invoice AS i
                 WHERE i.uncollectible_at IS NOT NULL) AS w
          FULL JOIN (SELECT e.account, e.source, e.kind, min(e.effective_at) AS at, count(*) AS n FROM entry AS e
                      WHERE e.rule = 'written_off' GROUP BY e.account, e.source, e.kind) AS e
            ON (e.account, e.source, e.kind) = (w.account, w.id, w.kind)
         WHERE e.n IS DISTINCT FROM 1 OR e.at IS DISTINCT FROM w.at
        UNION ALL
        SELECT 'refunds and disputes stand as Stripe says', r.id || ' ' || r.state
          FROM ledger.refund AS r
          LEFT JOIN ledger.charge AS c ON c.account = r.account AND c.id = r.charge
         WHERE r.state <> ledger.refund_state(r.status, r.balance_transaction IS NOT NULL, c.captured,
                                              c.amount_captured < c.amount)
        UNION ALL
        SELECT 'refunds and disputes stand as Stripe says', d.id || ' ' || d.state
          FROM ledger.dispute AS d
         WHERE d.state <> ledger.dispute_state(d.status, d.withdrawn_at IS NOT NULL, d.reinstated_at IS NOT NULL)
        UNION ALL
        SELECT 'charges are the money of what names them', c.id || ' of ' || coalesce(c.sale, 'nothing')
          FROM paper AS c
         WHERE c.sale IS DISTINCT FROM c.paper AND (c.paper IS NOT NULL OR c.sale <> c.id)
        UNION ALL
        SELECT 'charges are the money of what names them', c.id || ' counts twice'
          FROM paper AS c JOIN ledger.sale AS s ON s.account = c.account AND s.source = c.id
         WHERE c.paper IS NOT NULL AND s.state = 'booked'
        UNION ALL
        SELECT 'charges are the money of what names them', coalesce(c.flag, 'no flag') || ' on ' || c.id
          FROM ledger.charge AS c WHERE c.flag IS DISTINCT FROM ledger.charge_flag(c)
        UNION ALL
        SELECT 'refunds and disputes are of the sale and customer of their charge', x.id
          FROM (SELECT r.account, r.id, r.charge, r.sale, r.customer FROM ledger.refund AS r
                UNION ALL SELECT d.account, d.id, d.charge, d.sale, d.customer FROM ledger.dispute AS d) AS x
          JOIN ledger.charge AS c ON c.account = x.account AND c.id = x.charge
         WHERE (x.sale, x.customer) IS DISTINCT FROM (c.sale, c.customer)
        UNION ALL
        SELECT 'credit notes and fees are of their source''s customer', n.id
          FROM ledger.credit_note AS n JOIN ledger.invoice AS i ON i.account = n.account AND i.id = n.invoice
         WHERE n.customer IS DISTINCT FROM i.customer
        UNION ALL
        SELECT 'credit notes and fees are of their source''s customer', b.id
          FROM ledger.balance_transaction AS b
          LEFT JOIN ledger.charge AS c ON c.account = b.account AND c.id = b.source
          LEFT JOIN ledger.dispute AS d ON d.account = b.account AND d.id = b.source
         WHERE c.id IS NULL AND d.id IS NULL OR b.customer IS DISTINCT FROM coalesce(c.customer, d.customer)
        UNION ALL
        SELECT 'entries name what their source names', 'entry ' || e.id || ' ' || e.source
          FROM entry AS e
          LEFT JOIN ledger.refund AS r ON e.rule = 'refund' AND r.account = e.account AND r.id = e.source
          LEFT JOIN ledger.dispute AS d ON e.rule = 'dispute' AND d.account = e.account AND d.id = e.source
          LEFT JOIN ledger.credit_note AS n ON e.rule = 'credit_note' AND n.account = e.account AND n.id = e.source
         WHERE e.facts ->> 'charge' IS DISTINCT FROM coalesce(r.charge, d.charge) AND e.facts ? 'charge'
               AND e.rule IN ('refund', 'dispute')
            OR e.facts ->> 'invoice' IS DISTINCT FROM n.invoice AND e.rule = 'credit_note'
        UNION ALL
        SELECT 'entries name what their source names', 'entry ' || e.id || ' of ' || coalesce(e.customer, 'nobody')
          FROM entry AS e JOIN ledger.invoice AS i ON i.account = e.account AND i.id = e.source
         WHERE e.rule IN ('credit.invoice', 'written_off') AND e.customer IS DISTINCT FROM i.customer
        UNION ALL
        SELECT 'what was paid is booked, and nothing else',
               coalesce(d.source, s.source) || ' paid ' || coalesce(d.amount::text, 'nothing') || ', booked '
               || coalesce(s.amount::text, 'nothing')
          FROM due AS d
          FULL JOIN (SELECT s.* FROM ledger.sale AS s WHERE s.state = 'booked') AS s
            ON s.account = d.account AND s.source = d.source
         WHERE (d.amount IS DISTINCT FROM s.amount OR d.elsewhere IS DISTINCT FROM s.elsewhere
                OR d.currency IS DISTINCT FROM s.currency)
           AND NOT coalesce(d.source IS NULL AND s.flag LIKE 'no longer paid%', false)
        UNION ALL
        SELECT 'entitlements are what the policy says', s.id || ' has ' || coalesce(e.reason, 'none')
          FROM (SELECT DISTINCT s.account, s.customer FROM ledger.subscription AS s) AS c
         CROSS JOIN LATERAL ledger.entitlement_target(c.account, c.customer) AS t
          JOIN ledger.subscription AS s ON s.account = c.account AND s.id = t.subscription
          LEFT JOIN ledger.entitlement AS e ON e.account = s.account AND e.subscription = s.id
         WHERE e.subscription IS NULL
            OR (e.status, e.entitled, e.entitled_until, e.reason)
               IS DISTINCT FROM (t.status, t.entitled, t.entitled_until, t.reason)
        UNION ALL
        SELECT 'sales and entitlements name the customer''s user', c.id
          FROM ledger.customer AS c
         WHERE EXISTS (SELECT FROM ledger.sale AS s WHERE s.account = c.account AND s.customer = c.id
                                                      AND s.user_id IS DISTINCT FROM c.user_id)
            OR EXISTS (SELECT FROM ledger.entitlement AS e WHERE e.account = c.account AND e.customer = c.id
                                                             AND e.user_id IS DISTINCT FROM c.user_id)
        UNION ALL
        SELECT 'the history of a subscription ends in its state', s.id
          FROM ledger.subscription AS s
         WHERE s.state IS DISTINCT FROM (SELECT h.state FROM ledger.subscription_change AS h
                                          WHERE h.account = s.account AND h.subscription = s.id
                                          ORDER BY h.id DESC LIMIT 1)
        UNION ALL
        SELECT 'the history of a subscription goes forward', h.subscription || ' change ' || h.id
          FROM (SELECT h.*, lag(h.effective_at) OVER (PARTITION BY h.account, h.subscription ORDER BY h.id) AS before
                  FROM ledger.subscription_change AS h) AS h
         WHERE h.before > h.effective_at
        UNION ALL
        SELECT 'the items of a subscription are those of its state', s.id
          FROM ledger.subscription AS s
         WHERE ARRAY(SELECT i.value ->> 'id' FROM jsonb_array_elements(s.state -> 'items') AS i ORDER BY 1)
               IS DISTINCT FROM
               ARRAY(SELECT i.id FROM ledger.subscription_item AS i
                      WHERE i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL ORDER BY 1)
        UNION ALL
        SELECT 'the columns of a subscription are those of its state', s.id
          FROM ledger.subscription AS s
         WHERE (s.status, s.currency, s.collection_method, s.cancel_at_period_end, s.pause_collection,
                extract(epoch FROM s.cancel_at)::text, extract(epoch FROM s.canceled_at)::text,
                extract(epoch FROM s.ended_at)::text, extract(epoch FROM s.trial_start)::text,
                extract(epoch FROM s.trial_end)::text)
               IS DISTINCT FROM
               (s.state ->> 'status', s.state ->> 'currency', s.state ->> 'collection_method',
                (s.state -> 'cancel_at_period_end')::boolean, s.state ->> 'pause_collection',
                to_char((s.state ->> 'cancel_at')::bigint, 'FM999999999990.000000'),
                to_char((s.state ->> 'canceled_at')::bigint, 'FM999999999990.000000'),
                to_char((s.state ->> 'ended_at')::bigint, 'FM999999999990.000000'),
                to_char((s.state ->> 'trial_start')::bigint, 'FM999999999990.000000'),
                to_char((s.state ->> 'trial_end')::bigint, 'FM999999999990.000000'))
        UNION ALL
        SELECT 'the items of a subscription are those of its state', s.id || ' ' || (n.value ->> 'id')
          FROM ledger.subscription AS s CROSS JOIN LATERAL jsonb_array_elements(s.state -> 'items') AS n
          JOIN ledger.subscription_item AS i
            ON i.account = s.account AND i.id = n.value ->> 'id' AND i.subscription = s.id AND i.removed_at IS NULL
         WHERE (i.price_id, i.product_id, i.quantity, i.current_period_start, i.current_period_end)
               IS DISTINCT FROM
               (n.value ->> 'price', n.value ->> 'product', (n.value ->> 'quantity')::bigint,
                to_timestamp((n.value ->> 'current_period_start')::bigint),
                to_timestamp((n.value ->> 'current_period_end')::bigint))
        UNION ALL
        SELECT 'entitlements are of a subscription, its customer and a plan of it', e.subscription
          FROM ledger.entitlement AS e
          LEFT JOIN ledger.subscription AS s ON s.account = e.account AND s.id = e.subscription
         WHERE s.id IS NULL OR s.customer <> e.customer
            OR e.plan_key IS DISTINCT FROM ledger.plan_of(s.account, s.id)
               -- announced before the price came to stand for another plan, which ops.credits_due is to announce
               AND NOT coalesce(s.credits_due_at <= ledger.clock(), false)
               AND NOT coalesce(jsonb_path_exists(s.state, '$.items[*].plan_key ? (@ == $p)',
                                                  jsonb_build_object('p', e.plan_key)), false)
        UNION ALL
        SELECT 'sales say what their invoice or session says', s.source
          FROM ledger.sale AS s
          JOIN ledger.invoice AS i ON i.account = s.account AND i.id = s.source AND i.status = 'paid'
         WHERE (s.kind, s.customer, s.subscription, s.paid_at, s.discount_amount, s.billing_reason)
               IS DISTINCT FROM
               (CASE WHEN i.subscription IS NULL THEN 'invoice' ELSE 'subscription' END, i.customer, i.subscription,
                i.paid_at, i.discount_amount, i.billing_reason)
        UNION ALL
        SELECT 'sales say what their invoice or session says', s.source
          FROM ledger.sale AS s
          JOIN ledger.checkout_session AS c ON c.account = s.account AND c.id = s.source
         WHERE (s.kind, s.customer, s.subscription, s.paid_at, s.discount_amount, s.billing_reason)
               IS DISTINCT FROM ('one_time', c.customer, NULL::text, NULL::timestamptz, c.discount_amount, NULL::text)
        UNION ALL
        SELECT 'sales say what their invoice or session says', s.source
          FROM ledger.sale AS s
          JOIN ledger.charge AS c ON c.account = s.account AND c.id = s.source
         WHERE (s.kind, s.customer, s.subscription, s.paid_at, s.discount_amount, s.billing_reason)
               IS DISTINCT FROM ('charge', c.customer, NULL::text, NULL::timestamptz, 0::bigint, NULL::text)
        UNION ALL
        SELECT 'a turn counts the events that it finished', t.id || ' ' || t.subject
          FROM ops.turn AS t
          LEFT JOIN (SELECT e.turn, count(*) AS n, count(*) FILTER (WHERE e.outcome IN ('applied', 'ignored')) AS finished
                       FROM ops.webhook_event AS e GROUP BY e.turn) AS e ON e.turn = t.id
         WHERE t.outcome = 'applied'
               AND (coalesce(e.finished, 0) > t.applied_count + t.ignored_count + t.covered_count
                    OR coalesce(e.finished, 0) < t.applied_count + t.ignored_count + t.covered_count
                       -- the events of old turns that led to nothing may have been pruned
                       AND (t.recorded_at > clock_timestamp() - interval '31 days' OR t.entries_count > 0 OR t.changes <> '[]')
                    OR t.events_count < t.applied_count + t.ignored_count + t.duplicates_count)
            OR t.outcome <> 'applied' AND coalesce(e.n, 0) > t.events_count
        UNION ALL
        SELECT 'customers whose deletion was applied are deleted', c.id
          FROM ledger.customer AS c
         WHERE NOT c.deleted
           AND EXISTS (SELECT FROM ops.webhook_event AS e
                        WHERE e.account = c.account AND e.object_id = c.id AND e.subject = c.id
                          AND e.type = 'customer.deleted' AND e.outcome = 'applied')
        UNION ALL
        SELECT 'an object of Stripe is in one account', o.id
          FROM (SELECT c.account, c.id FROM ledger.customer AS c WHERE c.kind = 'customer'
                UNION ALL SELECT s.account, s.id FROM ledger.subscription AS s
                UNION ALL SELECT i.account, i.id FROM ledger.invoice AS i
                UNION ALL SELECT s.account, s.id FROM ledger.checkout_session AS s
                UNION ALL SELECT c.account, c.id FROM ledger.charge AS c
                UNION ALL SELECT r.account, r.id FROM ledger.refund AS r
                UNION ALL SELECT d.account, d.id FROM ledger.dispute AS d
                UNION ALL SELECT n.account, n.id FROM ledger.credit_note AS n) AS o
         GROUP BY o.id HAVING count(DISTINCT o.account) > 1
        UNION ALL
        SELECT 'every finished event has an applied turn', e.id
          FROM ops.webhook_event AS e LEFT JOIN ops.turn AS t ON t.id = e.turn
         WHERE e.outcome IN ('applied', 'ignored') AND t.outcome IS DISTINCT FROM 'applied'
        UNION ALL
        SELECT 'finished events are of this ledger''s mode', e.id
          FROM ops.webhook_event AS e, ops.deployment AS d
         WHERE e.outcome IN ('applied', 'ignored') AND e.livemode <> (d.mode = 'live')
        UNION ALL
        SELECT 'every dead event has an open dead letter, and only unfinished ones have', e.account || ' ' || e.id
          FROM ops.webhook_event AS e
          LEFT JOIN ops.dead_letter AS d ON d.account = e.account AND d.event_id = e.id AND d.settled_at IS NULL
         WHERE e.outcome = 'dead' AND d.id IS NULL
            OR e.outcome IN ('applied', 'ignored') AND d.id IS NOT NULL
        UNION ALL
        SELECT 'the guards of append-only tables are in place', g.tab || '.' || g.trig
          FROM guard AS g
          LEFT JOIN pg_trigger AS t
            ON t.tgrelid = to_regclass(g.tab) AND t.tgname = g.trig AND t.tgenabled IN ('O', 'A')
           AND t.tgfoid = to_regprocedure(g.fun) AND t.tgtype = g.moments AND t.tgqual IS NULL
           AND (t.tgattr = ''::int2vector) = (g.trig <> 'checked') -- of the columns that rules change
         WHERE t.oid IS NULL
        UNION ALL
        SELECT 'the guards of append-only tables are in place', 'body of ' || g.fun
          FROM (VALUES
                   ('ledger.refuse_change()', '6dfa77a3feb9fa0bf83ca0ed408a0dba1c25bf276d786cb4009c4dd35abda687'),
                   ('ledger.stamp_entry()', '165ba264a0ca30eb68de2241b7961e06d7fef479e9e5cf505399f637030c7342'),
                   ('ledger.check_entry_balance()', '9e123a8e41a28b793c5877ffb39b3b103c020062d91d1360d5b0c1209cbceee8'),
                   ('ledger.check_posting_sealed()', '00b1a0a637c921a58ad4283d609625eb963d5030a0472ef459ebb3e3166277a6'),
                   ('ledger.chain_credit_entry()', 'aa44d08f5a0dbacfad5b94400ed032b7cf00eb847eb26998da09979504c2ca79'),
                   ('ledger.check_credit_holder()', '4cef10b8cba5cf42de6e85dcea8749d3007a146d34ef86483ca7332206f55b7a'),
                   ('ledger.check_credit_lot()', 'cb76b4069f3b9f2f091115f8afa6c5d5cc45ee0018067416db37a4dd9cacb0f9'),
                   ('ledger.count_credit_lot()', '2b10747c89f54bde5bcaf637825c983f7a7d2784f5a40862a103788938122c84')
               ) AS g (fun, body)
          LEFT JOIN pg_proc AS p ON p.oid = to_regprocedure(g.fun)
         WHERE encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex') IS DISTINCT FROM g.body
        UNION ALL
        SELECT 'no rule or inheritance leads around a guard', g.tab || ' rule ' || r.rulename
          FROM (SELECT DISTINCT g.tab FROM guard AS g) AS g JOIN pg_rewrite AS r ON r.ev_class = to_regclass(g.tab)
        UNION ALL
        SELECT 'no rule or inheritance leads around a guard', i.inhrelid::regclass || ' inherits ' || i.inhparent::regclass
          FROM (SELECT DISTINCT g.tab FROM guard AS g) AS g
          JOIN pg_inherits AS i ON to_regclass(g.tab) IN (i.inhparent, i.inhrelid)
        UNION ALL
        SELECT 'constraints and unique indexes are valid', c.conrelid::regclass || ' ' || c.conname
          FROM pg_constraint AS c
         WHERE c.connamespace IN ('ledger'::regnamespace, 'ops'::regnamespace) AND NOT c.convalidated
        UNION ALL
        SELECT 'constraints and unique indexes are valid', i.indexrelid::regclass::text
          FROM pg_index AS i JOIN pg_class AS r ON r.oid = i.indrelid
         WHERE r.relnamespace IN ('ledger'::regnamespace, 'ops'::regnamespace) AND NOT i.indisvalid
        UNION ALL
        SELECT 'nobody but the owner has rights on tables', r.oid::regclass || ' ' || x.grantee::regrole || ' ' || x.privilege_type
          FROM pg_class AS r CROSS JOIN LATERAL aclexplode(r.relacl) AS x
         WHERE r.relnamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace)
           AND r.relkind IN ('r', 'p', 'v', 'm', 'S')
           AND x.grantee <> r.relowner
        UNION ALL
        SELECT 'nobody may execute what is not granted by name', f.oid::regprocedure::text
          FROM pg_proc AS f
         WHERE f.pronamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace)
           AND EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS x WHERE x.grantee = 0)
        UNION ALL
        SELECT 'functions with the owner''s rights fix their search_path', f.oid::regprocedure::text
          FROM pg_proc AS f
         WHERE f.pronamespace IN ('ledger'::regnamespace, 'ops'::regnamespace, 'stripe'::regnamespace)
           AND f.prosecdef AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (f.proconfig), false)
        UNION ALL
        SELECT c.check_name, c.example FROM ops.credit_faults() AS c
    ), flagged (check_name, example) AS ( -- no broken promise, but worth a word
        SELECT 'what was paid is booked, and nothing else', s.source || ' paid nothing, booked ' || s.amount
          FROM ledger.sale AS s
         WHERE s.state = 'booked' AND s.flag LIKE 'no longer paid%'
           AND NOT EXISTS (SELECT FROM due AS d WHERE d.account = s.account AND d.source = s.source)
        UNION ALL
        SELECT 'charges are the money of what names them', c.id || ': ' || c.flag FROM ledger.charge AS c WHERE c.flag IS NOT NULL
        UNION ALL -- read at another moment than what is booked, or changed by hand in Stripe
        SELECT 'what invoices did to balances is booked', c.id || ' has a balance of ' || -c.balance || ', booked '
               || coalesce(b.amount, 0) || ' ' || c.balance_currency
          FROM ledger.customer AS c
          LEFT JOIN (SELECT e.account, e.customer, l.unit, -sum(l.amount) AS amount
                       FROM ledger.journal_entry AS e JOIN line AS l ON l.entry_id = e.id AND l.code = 'customer_credit'
                      GROUP BY e.account, e.customer, l.unit) AS b
            ON b.account = c.account AND b.customer = c.id AND b.unit = c.balance_currency
         WHERE NOT c.deleted AND c.balance_currency IS NOT NULL AND -c.balance <> coalesce(b.amount, 0)
        UNION ALL
        SELECT 'refunds are booked as they stand', c.id || ' says ' || c.amount_refunded || ' refunded, its refunds ' || r.amount
          FROM ledger.charge AS c
         CROSS JOIN LATERAL (SELECT coalesce(sum(r.amount), 0) AS amount FROM ledger.refund AS r
                              WHERE r.account = c.account AND r.charge = c.id AND r.status NOT IN ('failed', 'canceled')) AS r
         WHERE c.amount_refunded <> r.amount
    ), name (place, check_name) AS (
        VALUES (1, 'every entry sums to zero per unit'),
               (2, 'every entry has the postings of its kind'),
               (3, 'the ledger sums to zero per unit'),
               (4, 'postings stay in their entry''s Stripe account'),
               (5, 'the content of every entry matches its hash'),
               (6, 'every entry comes from an applied turn'),
               (7, 'every sale is the sum of its entries'),
               (8, 'every entry belongs to a sale'),
               (9, 'what was paid is booked, and nothing else'),
               (10, 'sales say what their invoice or session says'),
               (11, 'refunds are booked as they stand'),
               (12, 'disputes are booked as they stand'),
               (13, 'credit notes are booked as they stand'),
               (14, 'what invoices did to balances is booked'),
               (15, 'fees are booked'),
               (16, 'invoices written off are on record'),
               (17, 'every entry is of a rule'),
               (18, 'refunds and disputes stand as Stripe says'),
               (19, 'charges are the money of what names them'),
               (20, 'refunds and disputes are of the sale and customer of their charge'),
               (21, 'credit notes and fees are of their source''s customer'),
               (22, 'entries name what their source names'),
               (23, 'entitlements are what the policy says'),
               (24, 'entitlements are of a subscription, its customer and a plan of it'),
               (25, 'sales and entitlements name the customer''s user'),
               (26, 'the history of a subscription ends in its state'),
               (27, 'the history of a subscription goes forward'),
               (28, 'the columns of a subscription are those of its state'),
               (29, 'the items of a subscription are those of its state'),
               (30, 'an object of Stripe is in one account'),
               (31, 'customers whose deletion was applied are deleted'),
               (32, 'every finished event has an applied turn'),
               (33, 'a turn counts the events that it finished'),
               (34, 'finished events are of this ledger''s mode'),
               (35, 'every dead event has an open dead letter, and only unfinished ones have'),
               (36, 'the entries of a holder of credits are a chain'),
               (37, 'a holder has what its last entry left'),
               (38, 'a holder has what remains of its lots'),
               (39, 'credit entries are the sum of their lines'),
               (40, 'lots are the sum of their entries'),
               (41, 'lots are where their entries say'),
               (42, 'no lot is below zero unless its plan''s clawback may'),
               (43, 'nobody spent what was not there'),
               (44, 'what was taken back is what the rules take, or a shortfall'),
               (45, 'what will expire is known to be due'),
               (46, 'one grant per item, period and kind'),
               (47, 'lots are of a version of their plan'),
               (48, 'lots are of a customer''s subscription and its user'),
               (49, 'credits of turns are of applied ones'),
               (50, 'the versions of a plan are numbered'),
               (51, 'usage is the sum of its entries'),
               (52, 'every trial has a conversion'),
               (53, 'conversions are what the invoices say'),
               (54, 'conversions are of a sale'),
               (55, 'the guards of append-only tables are in place'),
               (56, 'no rule or inheritance leads around a guard'),
               (57, 'constraints and unique indexes are valid'),
               (58, 'nobody but the owner has rights on tables'),
               (59, 'nobody may execute what is not granted by name'),
               (60, 'functions with the owner''s rights fix their search_path')
    )
    SELECT n.check_name, count(b.check_name) = 0,
           CASE WHEN count(b.check_name) > 0 THEN count(b.check_name) || ' found, for example ' || min(b.example)
                ELSE (SELECT count(*) || ' flagged, for example ' || min(f.example) FROM flagged AS f
                       WHERE f.check_name = n.check_name HAVING count(*) > 0) END
      FROM name AS n LEFT JOIN bad AS b ON b.check_name = n.check_name
     GROUP BY n.place, n.check_name
     ORDER BY n.place
$$;
GRANT EXECUTE ON FUNCTION ops.verify() TO instep_operator;
RESET ROLE;
