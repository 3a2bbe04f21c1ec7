-- ledger.post_entry: record one journal entry and its postings, once.
--   p_entry     {"kind", "key", "account", "customer", "user_id", "subscription", "source", "rule", "facts",
--                "effective" (unix seconds), "turn", "corrects" (entry id or null)}
--   p_postings  [{"code", "holder" (default ''), "unit", "amount"}]: debit > 0, credit < 0, sum 0 per unit
--   Returns     the entry's id; if the key exists with the same content, the id of that entry
--   Locks       creates missing accounts in ascending order; never locks a balance
--   Errors      IS002 key reused with other content; check_violation at commit: not balanced
--   Content     kind, account, customer, subscription, source, effective, corrects, postings. User, turn and
--               facts are left out: they may differ between two honest attempts to say the same.
--   Source      docs/ledger.md, "The journal"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.post_entry(p_entry jsonb, p_postings jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_hash bytea := ledger.entry_hash(p_entry, p_postings);
    v_id bigint;
BEGIN
    INSERT INTO ledger.journal_entry
        (kind, idempotency_key, content_hash, account, customer, user_id, subscription, source, rule, facts,
         effective_at, turn, corrects)
    VALUES (p_entry ->> 'kind', p_entry ->> 'key', v_hash, p_entry ->> 'account', p_entry ->> 'customer',
            p_entry ->> 'user_id', p_entry ->> 'subscription', p_entry ->> 'source', p_entry ->> 'rule',
            p_entry -> 'facts', to_timestamp((p_entry ->> 'effective')::bigint), (p_entry ->> 'turn')::uuid,
            (p_entry ->> 'corrects')::bigint)
    ON CONFLICT ON CONSTRAINT journal_entry_key_once DO NOTHING
    RETURNING id INTO v_id;
    IF v_id IS NULL THEN
        SELECT e.id INTO v_id FROM ledger.journal_entry AS e
         WHERE e.idempotency_key = p_entry ->> 'key' AND e.content_hash = v_hash;
        IF v_id IS NULL THEN
            RAISE EXCEPTION 'idempotency key % exists with other content', p_entry ->> 'key'
                USING ERRCODE = 'IS002';
        END IF;
        RETURN v_id;
    END IF;

    INSERT INTO ledger.account (account, code, holder, unit)
    SELECT DISTINCT p_entry ->> 'account', p.value ->> 'code', coalesce(p.value ->> 'holder', ''), p.value ->> 'unit'
      FROM jsonb_array_elements(p_postings) AS p
     WHERE NOT EXISTS (SELECT FROM ledger.account AS a
                        WHERE a.account = p_entry ->> 'account' AND a.code = p.value ->> 'code'
                          AND a.holder = coalesce(p.value ->> 'holder', '') AND a.unit = p.value ->> 'unit')
     ORDER BY 1, 2, 3, 4
    ON CONFLICT ON CONSTRAINT account_once DO NOTHING;

    INSERT INTO ledger.posting (entry_id, line, account_id, unit, amount)
    SELECT v_id, p.line, a.id, a.unit, (p.value ->> 'amount')::bigint
      FROM jsonb_array_elements(p_postings) WITH ORDINALITY AS p (value, line)
      JOIN ledger.account AS a
        ON a.account = p_entry ->> 'account' AND a.code = p.value ->> 'code'
       AND a.holder = coalesce(p.value ->> 'holder', '') AND a.unit = p.value ->> 'unit'
     ORDER BY a.id, p.line;
    IF (SELECT count(*) FROM ledger.posting AS p WHERE p.entry_id = v_id) <> jsonb_array_length(p_postings) THEN
        RAISE EXCEPTION 'entry %: a posting names no account', p_entry ->> 'key' USING ERRCODE = 'check_violation';
    END IF;
    RETURN v_id;
END
$$;
RESET ROLE;
