-- ops.explain: from money back to its causes: posting, entry, rule, what Stripe said, turn, events.
--   p_selector  what it is about (in_…, cs_…, ch_…, re_…, dp_…, cn_…, txn_…), a customer, a subscription, a user (user:ID),
--               or an account's code. An invoice, session or charge also brings what became of its money: refunds,
--               disputes, credit notes, fees.
--   Returns     one row per entry, the oldest first
--   Source      docs/ledger.md, "How to explain a balance"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.explain(text);
CREATE FUNCTION ops.explain(p_selector text)
    RETURNS TABLE (entry_id bigint, kind text, source text, customer text, user_id text, postings jsonb, rule text,
                   facts jsonb, effective_at timestamptz, recorded_at timestamptz, turn uuid, worker text,
                   stripe_reads integer, events jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.entry_id, x.kind, x.source, x.customer, x.user_id, x.postings, x.rule, x.facts, x.effective_at,
           x.recorded_at, x.turn, x.worker, x.stripe_reads, x.events
      FROM ledger.entry_explained AS x
     WHERE p_selector IN (x.source, x.customer, x.subscription, 'user:' || x.user_id)
        OR p_selector = ANY (x.about)
        OR EXISTS (SELECT FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id
                    WHERE p.entry_id = x.entry_id AND a.code = p_selector)
     ORDER BY x.entry_id
$$;
GRANT EXECUTE ON FUNCTION ops.explain(text) TO instep_operator;
RESET ROLE;
