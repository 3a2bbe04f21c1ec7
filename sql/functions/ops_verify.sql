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
        SELECT i.account, i.id AS source, i.currency, i.amount_paid AS amount
          FROM ledger.invoice AS i
         WHERE i.status = 'paid'
           AND NOT EXISTS (SELECT FROM ledger.checkout_session AS s
                            WHERE s.account = i.account AND s.invoice = i.id AND s.mode = 'payment')
        UNION ALL
        SELECT s.account, s.id, s.currency, s.amount_total
          FROM ledger.checkout_session AS s WHERE s.mode = 'payment' AND s.payment_status = 'paid'
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
                       FROM entry AS e GROUP BY e.account, e.source) AS b
            ON b.account = s.account AND b.source = s.source
         WHERE s.amount <> coalesce(b.booked, 0) OR s.entries_count <> coalesce(b.n, 0) OR b.n IS NULL
        UNION ALL
        SELECT 'every entry belongs to a sale', 'entry ' || e.id || ' ' || e.source
          FROM entry AS e
         WHERE NOT EXISTS (SELECT FROM ledger.sale AS s WHERE s.account = e.account AND s.source = e.source)
        UNION ALL
        SELECT 'what was paid is booked, and nothing else',
               coalesce(d.source, s.source) || ' paid ' || coalesce(d.amount::text, 'nothing') || ', booked '
               || coalesce(s.amount::text, 'nothing')
          FROM due AS d
          FULL JOIN (SELECT s.* FROM ledger.sale AS s WHERE s.state = 'booked') AS s
            ON s.account = d.account AND s.source = d.source
         WHERE (d.amount IS DISTINCT FROM s.amount OR d.currency IS DISTINCT FROM s.currency)
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
          FROM (VALUES ('ledger.journal_entry', 'append_only_rows'), ('ledger.journal_entry', 'append_only_table'),
                       ('ledger.journal_entry', 'stamp'), ('ledger.journal_entry', 'balanced'),
                       ('ledger.posting', 'append_only_rows'), ('ledger.posting', 'append_only_table'),
                       ('ledger.posting', 'sealed'), ('ledger.posting', 'balanced'),
                       ('ledger.account', 'append_only_rows'), ('ledger.account', 'append_only_table'),
                       ('ledger.subscription_change', 'append_only_rows'),
                       ('ledger.subscription_change', 'append_only_table'),
                       ('ledger.customer_user_change', 'append_only_rows'),
                       ('ledger.customer_user_change', 'append_only_table')) AS g (tab, trig)
          LEFT JOIN pg_trigger AS t
            ON t.tgrelid = to_regclass(g.tab) AND t.tgname = g.trig AND t.tgenabled IN ('O', 'A')
         WHERE t.oid IS NULL
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
    ), flagged (check_name, example) AS ( -- no broken promise, but worth a word
        SELECT 'what was paid is booked, and nothing else', s.source || ' paid nothing, booked ' || s.amount
          FROM ledger.sale AS s
         WHERE s.state = 'booked' AND s.flag LIKE 'no longer paid%'
           AND NOT EXISTS (SELECT FROM due AS d WHERE d.account = s.account AND d.source = s.source)
    ), name (place, check_name) AS (
        VALUES (1, 'every entry sums to zero per unit'), (2, 'every entry has the postings of its kind'),
               (3, 'the ledger sums to zero per unit'), (4, 'postings stay in their entry''s Stripe account'),
               (5, 'the content of every entry matches its hash'), (6, 'every entry comes from an applied turn'),
               (7, 'every sale is the sum of its entries'), (8, 'every entry belongs to a sale'),
               (9, 'what was paid is booked, and nothing else'), (10, 'entitlements are what the policy says'),
               (11, 'sales and entitlements name the customer''s user'),
               (12, 'the history of a subscription ends in its state'),
               (13, 'the history of a subscription goes forward'),
               (14, 'the items of a subscription are those of its state'),
               (15, 'every finished event has an applied turn'), (16, 'finished events are of this ledger''s mode'),
               (17, 'every dead event has an open dead letter, and only unfinished ones have'),
               (18, 'the guards of append-only tables are in place'),
               (19, 'constraints and unique indexes are valid'),
               (20, 'nobody but the owner has rights on tables'),
               (21, 'nobody may execute what is not granted by name'),
               (22, 'functions with the owner''s rights fix their search_path')
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
