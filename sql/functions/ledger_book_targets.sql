-- ledger.book_targets: book the difference between what should be booked and what is, for facts of any rule.
--   p_targets  the facts, each once:
--              {"rule", "source", "customer", "user_id" (default: the customer's), "subscription", "facts",
--               "unit", "amounts": {account code: what all its entries shall add up to; absent: 0},
--               "state": the target in a word or a number, for the key,
--               "kind": of an entry that moves money, "note": of one that moves none (NULL: then there is none),
--               "note_each": true: one note per kind, else a note only if it is the first entry,
--               "effective": unix seconds, "later": [ids] if Stripe does not say since when a change of the first entry holds:
--               then the newest event of the turn that names one of them counts, else the read}
--   p_context  of ledger.apply_turn
--   Booked is the sum of the postings of (rule, source), never what a row of state says. The key names the target and how many
--   entries came before it: <rule>:<account>:<source>:<n>:<state>.
--   Returns    the targets that led to an entry, with "n" (entries before), "last" (kind of the last of these), "delta"
--   Locks      accounts, ascending; the caller holds what protects the sources
--   Errors     IS002 a source changes its currency
--   Source     docs/ledger.md, "Rules"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.book_targets(p_targets jsonb[], p_context jsonb) RETURNS jsonb[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_account text := p_context ->> 'account';
    v_due jsonb[];
    v_refused text;
BEGIN
    IF cardinality(p_targets) = 0 THEN
        RETURN p_targets;
    END IF;
    v_due := ARRAY(
        SELECT t.d || jsonb_build_object('n', b.n, 'last', b.last, 'delta', m.delta, 'other_unit', m.other_unit)
          FROM unnest(p_targets) WITH ORDINALITY AS t (d, place)
         CROSS JOIN LATERAL (
              SELECT count(*) AS n, (array_agg(e.kind ORDER BY e.id DESC))[1] AS last,
                     coalesce(bool_or(e.kind = t.d ->> 'note'), false) AS noted
                FROM ledger.journal_entry AS e
               WHERE e.account = v_account AND e.source = t.d ->> 'source' AND e.rule = t.d ->> 'rule') AS b
         CROSS JOIN LATERAL (
              SELECT jsonb_object_agg(s.code, s.amount) FILTER (WHERE s.unit = t.d ->> 'unit') AS delta,
                     min(s.unit) FILTER (WHERE s.unit <> t.d ->> 'unit') AS other_unit
                FROM (SELECT x.code, x.unit, sum(x.amount) AS amount
                        FROM (SELECT a.key AS code, t.d ->> 'unit' AS unit, a.value::numeric AS amount
                                FROM jsonb_each_text(t.d -> 'amounts') AS a
                              UNION ALL
                              SELECT k.code, p.unit, -p.amount
                                FROM ledger.journal_entry AS e
                                JOIN ledger.posting AS p ON p.entry_id = e.id
                                JOIN ledger.account AS k ON k.id = p.account_id
                               WHERE e.account = v_account AND e.source = t.d ->> 'source'
                                 AND e.rule = t.d ->> 'rule') AS x
                       GROUP BY x.code, x.unit HAVING sum(x.amount) <> 0) AS s) AS m
         WHERE m.delta IS NOT NULL OR m.other_unit IS NOT NULL
            OR t.d ->> 'note' IS NOT NULL AND (b.n = 0 OR t.d -> 'note_each' = 'true' AND NOT b.noted)
         ORDER BY t.place);
    SELECT format('%s %s: booked in %s, Stripe now says %s', split_part(n.d ->> 'rule', '.', 1), n.d ->> 'source',
                  n.d ->> 'other_unit', n.d ->> 'unit') INTO v_refused
      FROM unnest(v_due) AS n (d) WHERE n.d ->> 'other_unit' IS NOT NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', v_refused USING ERRCODE = 'IS002';
    END IF;
    IF cardinality(v_due) = 0 THEN
        RETURN v_due;
    END IF;
    PERFORM ledger.post_entries(ARRAY(
        SELECT jsonb_build_object(
                   'kind', CASE WHEN jsonb_typeof(n.d -> 'delta') = 'object' THEN n.d ->> 'kind' ELSE n.d ->> 'note' END,
                   'key', format('%s:%s:%s:%s:%s', n.d ->> 'rule', v_account, n.d ->> 'source',
                                 (n.d ->> 'n')::integer + 1, n.d ->> 'state'),
                   'account', v_account, 'customer', n.d ->> 'customer', 'user_id', coalesce(n.d ->> 'user_id', c.user_id),
                   'subscription', n.d ->> 'subscription', 'source', n.d ->> 'source', 'rule', n.d ->> 'rule',
                   'facts', n.d -> 'facts', 'turn', p_context ->> 'turn',
                   'effective', CASE WHEN n.d ->> 'n' = '0' OR jsonb_typeof(n.d -> 'later') IS DISTINCT FROM 'array'
                                     THEN (n.d ->> 'effective')::bigint
                                     ELSE ledger.told_at(n.d -> 'later', p_context) END,
                   'postings', (SELECT coalesce(jsonb_agg(jsonb_build_object('code', a.key, 'unit', n.d ->> 'unit',
                                                                             'amount', a.value) ORDER BY a.key COLLATE "C"), '[]')
                                  FROM jsonb_each(CASE WHEN jsonb_typeof(n.d -> 'delta') = 'object' THEN n.d -> 'delta'
                                                       ELSE '{}' END) AS a))
          FROM unnest(v_due) WITH ORDINALITY AS n (d, place)
          LEFT JOIN ledger.customer AS c ON c.account = v_account AND c.id = n.d ->> 'customer'
         ORDER BY n.place));
    RETURN v_due;
END
$$;
RESET ROLE;
