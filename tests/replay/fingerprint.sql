-- What must be equal however the events came, as lines of text. Loaded once by tests/replay/run into schema replay.
--   replay.journal()   every entry with its postings: ids and recorded times aside
--   replay.balances()  what was booked by (rule, source, account, unit), zero left out
--   replay.state()     every row of the mirror and of what is derived from it, without who wrote it when, and without
--                      history, which tells in how many looks the state was reached
--   replay.whole()     all that a later turn could see: two ledgers of which this is equal go on alike. Only what no rule
--                      reads is left out: our own ids, who wrote a row and when, claims that were used
CREATE SCHEMA replay;

CREATE FUNCTION replay.journal() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT 'entry ' || (to_jsonb(e) - ARRAY['id', 'content_hash', 'recorded_at', 'turn', 'corrects', 'xid']
                        || jsonb_build_object('corrects', c.idempotency_key, 'postings',
                               (SELECT jsonb_agg(jsonb_build_array(a.code, a.holder, p.unit, p.amount)
                                                 ORDER BY a.code, a.holder, p.unit, p.amount)
                                  FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id
                                 WHERE p.entry_id = e.id)))::text
      FROM ledger.journal_entry AS e LEFT JOIN ledger.journal_entry AS c ON c.id = e.corrects
     ORDER BY 1
$$;

CREATE FUNCTION replay.balances() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT 'booked ' || concat_ws(' ', e.rule, e.source, a.code, p.unit, sum(p.amount))
      FROM ledger.journal_entry AS e
      JOIN ledger.posting AS p ON p.entry_id = e.id
      JOIN ledger.account AS a ON a.id = p.account_id
     GROUP BY e.rule, e.source, a.code, p.unit
    HAVING sum(p.amount) <> 0
     ORDER BY 1
$$;

-- One branch for each table, written once: a function that builds it each time would cost more than it reads.
DO $do$
DECLARE
    -- When and by which turn something was read or written; how many entries it took; how far lists were read.
    v_volatile text[] := ARRAY['turn', 'applied_turn', 'changed_turn', 'recorded_at', 'changed_at', 'looked_at',
        'applied_at', 'claimed_at', 'first_seen_at', 'last_seen_at', 'seen_ms', 'missing_at', 'removed_at', 'claim',
        'claim_no', 'claim_used', 'claim_worker', 'entries_count', 'invoices_listed_to', 'sessions_listed_to',
        'charges_listed_to', 'looks_due_at', 'look_at', 'read_at', 'told_at'];
    v_body text;
BEGIN
    SELECT string_agg(format($q$SELECT %L || (to_jsonb(r) - %L::text[] || jsonb_build_object('gone',
        coalesce(nullif(to_jsonb(r) -> 'missing_at', 'null'), nullif(to_jsonb(r) -> 'removed_at', 'null')) IS NOT NULL))::text
        FROM ledger.%I AS r%s$q$,
                             t.table_name || ' ', v_volatile, t.table_name,
                             -- Streams of objects are made as events come.
                             CASE t.table_name WHEN 'customer' THEN $w$ WHERE r.kind = 'customer'$w$
                             -- Whether a charge was ever taken for a sale, before its paper was seen, is history.
                                  WHEN 'sale' THEN $w$ WHERE (r.kind, r.state) <> ('charge', 'superseded')$w$
                                  ELSE '' END),
                      E'\nUNION ALL\n' ORDER BY t.table_name)
      INTO v_body
      FROM information_schema.tables AS t
     WHERE t.table_schema = 'ledger' AND t.table_type = 'BASE TABLE'
       AND t.table_name NOT IN ('journal_entry', 'posting', 'account', 'account_kind', 'entry_kind',
                                'entitlement_policy', 'subscription_change', 'customer_user_change');
    EXECUTE format('CREATE FUNCTION replay.state() RETURNS SETOF text LANGUAGE sql STABLE AS %L',
                   'SELECT s.line FROM (' || v_body || ') AS s (line) ORDER BY 1');
END
$do$;

DO $do$
DECLARE
    v_unread text[] := ARRAY['turn', 'applied_turn', 'changed_turn', 'settled_by', 'recorded_at', 'changed_at', 'applied_at',
        'claimed_at', 'first_seen_at', 'last_seen_at', 'first_recorded_at', 'processed_at', 'received_at', 'claim', 'claim_no',
        'claim_worker'];
    v_body text;
BEGIN
    SELECT string_agg(format('SELECT %L || (to_jsonb(r) - %L::text[] %s)::text FROM %I.%I AS r', t.table_name || ' ',
                             v_unread || CASE WHEN t.table_name LIKE '%\_change' THEN ARRAY['id'] ELSE '{}' END,
                             -- Of a customer it is only asked whether it was looked at.
                             CASE t.table_name WHEN 'customer' THEN $w$|| jsonb_build_object('looked_at', r.looked_at IS NULL)$w$
                                               ELSE '' END,
                             t.table_schema, t.table_name), E'\nUNION ALL\n' ORDER BY t.table_name)
      INTO v_body
      FROM information_schema.tables AS t
     WHERE t.table_type = 'BASE TABLE'
       AND (t.table_schema = 'ledger' AND t.table_name NOT IN ('journal_entry', 'posting', 'account', 'account_kind',
                                                               'entry_kind', 'entitlement_policy')
            OR t.table_schema = 'ops' AND t.table_name IN ('webhook_event', 'dead_letter'));
    EXECUTE format('CREATE FUNCTION replay.whole() RETURNS SETOF text LANGUAGE sql STABLE AS %L',
                   'SELECT s.line FROM (' || v_body || ' UNION ALL SELECT j FROM replay.journal() AS j (j)) AS s (line) ORDER BY 1');
END
$do$;
