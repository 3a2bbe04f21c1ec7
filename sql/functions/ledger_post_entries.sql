-- ledger.post_entries: record journal entries and their postings, each once.
--   p_entries   as p_entry of ledger.post_entry, each with its "postings"
--   Returns     how many were new; an entry whose key exists with the same content is that entry
--   Locks       creates missing accounts in ascending order; never locks a balance
--   Errors      IS002 key reused with other content; check_violation at commit: not balanced
--   Content     all that is in p_entry but the turn, and the postings: ledger.entry_hash
--   Source      docs/ledger.md, "The journal"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.post_entries(p_entries jsonb[]) RETURNS integer
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_new integer;
    v_key text;
BEGIN
    WITH written AS (
        INSERT INTO ledger.journal_entry
            (kind, idempotency_key, content_hash, account, customer, user_id, subscription, source, rule, facts,
             effective_at, turn, corrects)
        SELECT n.e ->> 'kind', n.e ->> 'key', ledger.entry_hash(n.e, n.e -> 'postings'), n.e ->> 'account',
               n.e ->> 'customer', n.e ->> 'user_id', n.e ->> 'subscription', n.e ->> 'source', n.e ->> 'rule',
               n.e -> 'facts', to_timestamp((n.e ->> 'effective')::bigint), (n.e ->> 'turn')::uuid,
               (n.e ->> 'corrects')::bigint
          FROM unnest(p_entries) WITH ORDINALITY AS n (e, place)
         ORDER BY n.place
        ON CONFLICT ON CONSTRAINT journal_entry_key_once DO NOTHING
        RETURNING id)
    SELECT count(*) INTO v_new FROM written AS w;
    -- What is new has the content it came with.
    SELECT n.e ->> 'key' INTO v_key
      FROM unnest(CASE WHEN v_new < cardinality(p_entries) THEN p_entries END) AS n (e)
     WHERE (SELECT x.content_hash FROM ledger.journal_entry AS x WHERE x.idempotency_key = n.e ->> 'key')
           IS DISTINCT FROM ledger.entry_hash(n.e, n.e -> 'postings')
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'idempotency key % exists with other content', v_key USING ERRCODE = 'IS002';
    END IF;

    INSERT INTO ledger.account (account, code, holder, unit)
    SELECT u.account, u.code, u.holder, u.unit
      FROM (SELECT DISTINCT n.e ->> 'account', p.value ->> 'code', coalesce(p.value ->> 'holder', ''), p.value ->> 'unit'
              FROM unnest(p_entries) AS n (e), jsonb_array_elements(n.e -> 'postings') AS p)
           AS u (account, code, holder, unit)
     WHERE NOT EXISTS (SELECT FROM ledger.account AS a
                        WHERE a.account = u.account AND a.code = u.code AND a.holder = u.holder AND a.unit = u.unit)
     ORDER BY u.account COLLATE "C", u.code COLLATE "C", u.holder COLLATE "C", u.unit COLLATE "C"
    ON CONFLICT ON CONSTRAINT account_once DO NOTHING;

    -- A posting that names no account has no unit either, and is refused for that.
    INSERT INTO ledger.posting (entry_id, line, account_id, unit, amount)
    SELECT x.id, p.line, a.id, a.unit, (p.value ->> 'amount')::bigint
      FROM (SELECT DISTINCT ON (n.e ->> 'key') n.e FROM unnest(p_entries) AS n (e) ORDER BY n.e ->> 'key') AS n
      JOIN ledger.journal_entry AS x ON x.idempotency_key = n.e ->> 'key'
     CROSS JOIN LATERAL jsonb_array_elements(n.e -> 'postings') WITH ORDINALITY AS p (value, line)
      LEFT JOIN ledger.account AS a
        ON a.account = n.e ->> 'account' AND a.code = p.value ->> 'code'
       AND a.holder = coalesce(p.value ->> 'holder', '') AND a.unit = p.value ->> 'unit'
     WHERE (SELECT count(*) FROM ledger.posting AS o WHERE o.entry_id = x.id) = 0; -- one that was there has its own
    RETURN v_new;
END
$$;
RESET ROLE;
