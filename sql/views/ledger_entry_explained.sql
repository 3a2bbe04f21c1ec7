-- ledger.entry_explained: every entry with its postings, the rule and facts behind it, its turn and the turn's events.
--   user_id and customer are those of today: the entry keeps what was known when it was booked.
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS ledger.entry_explained;
CREATE VIEW ledger.entry_explained AS
SELECT e.id AS entry_id, e.kind, e.account, e.source, coalesce(e.customer, s.customer) AS customer, e.subscription,
       coalesce(c.user_id, e.user_id) AS user_id,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('account', a.code, 'holder', a.holder, 'unit', p.unit,
                                                     'amount', p.amount) ORDER BY p.line), '[]')
          FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id
         WHERE p.entry_id = e.id) AS postings,
       e.rule, e.facts, e.effective_at, e.recorded_at, e.corrects, t.id AS turn, t.worker, t.stripe_reads,
       t.fetched_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'type', w.type, 'created_at', w.created_at)
                                  ORDER BY w.created_at, w.id COLLATE "C"), '[]')
          FROM ops.webhook_event AS w WHERE w.turn = t.id) AS events
  FROM ledger.journal_entry AS e
  JOIN ops.turn AS t ON t.id = e.turn
  LEFT JOIN ledger.sale AS s ON s.account = e.account AND s.source = e.source
  LEFT JOIN ledger.customer AS c ON c.account = e.account AND c.id = coalesce(e.customer, s.customer);
RESET ROLE;
