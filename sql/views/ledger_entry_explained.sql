-- ledger.entry_explained: every entry with its postings, the rule and facts behind it, its turn and the turn's events.
--   about: what the entry belongs to besides its source: the sale whose money it is, the charge, the invoice, as known today.
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
          FROM ops.webhook_event AS w WHERE w.turn = t.id) AS events,
       ARRAY(SELECT a.id
               FROM (SELECT unnest(ARRAY[r.sale, r.charge]) FROM ledger.refund AS r
                      WHERE e.rule = 'refund' AND r.account = e.account AND r.id = e.source
                     UNION
                     SELECT unnest(ARRAY[d.sale, d.charge]) FROM ledger.dispute AS d
                      WHERE e.rule = 'dispute' AND d.account = e.account AND d.id = e.source
                     UNION
                     SELECT c.sale FROM ledger.charge AS c
                      WHERE e.rule = 'sale.charge' AND c.account = e.account AND c.id = e.source
                     UNION
                     SELECT n.invoice FROM ledger.credit_note AS n
                      WHERE e.rule = 'credit_note' AND n.account = e.account AND n.id = e.source
                     UNION
                     SELECT unnest(ARRAY[b.source, c.sale, d.charge, d.sale]) FROM ledger.balance_transaction AS b
                       LEFT JOIN ledger.charge AS c ON c.account = b.account AND c.id = b.source
                       LEFT JOIN ledger.dispute AS d ON d.account = b.account AND d.id = b.source
                      WHERE e.rule = 'fee' AND b.account = e.account AND b.id = e.source) AS a (id)
              WHERE a.id IS NOT NULL ORDER BY a.id COLLATE "C") AS about
  FROM ledger.journal_entry AS e
  JOIN ops.turn AS t ON t.id = e.turn
  LEFT JOIN ledger.sale AS s ON s.account = e.account AND s.source = e.source
  LEFT JOIN ledger.customer AS c ON c.account = e.account AND c.id = coalesce(e.customer, s.customer);
RESET ROLE;
