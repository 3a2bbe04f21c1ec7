-- dashboard.credit_balances: how many credits does each user have, how many of them can be spent now, and when do the next ones expire?
--   One row per holder of credits: a user, or a customer whose user nobody knows yet (user_id NULL).
--   booked           after the last entry: what expired a moment ago is in it until that is booked; below zero: a debt that a
--                    refund or dispute left, made good by the next credits
--   spendable        what spend_credits would allow at this moment: lots that have begun and not expired, less debts
--   credit_limit     what the lots of that were granted with, less what was taken back: spendable of credit_limit
--   next_expires_at, next_expires_amount  the first of it to expire, and how much that is; NULL: none does
--   last_entry_at    when it last changed
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.credit_balances;
CREATE VIEW dashboard.credit_balances AS
SELECT h.user_id,
       h.customer AS stripe_customer_id,
       h.balance AS booked,
       l.spendable,
       l.credit_limit,
       x.expires_at AS next_expires_at,
       x.amount AS next_expires_amount,
       e.recorded_at AS last_entry_at
  FROM ledger.credit_holder AS h
 CROSS JOIN LATERAL (SELECT greatest(now(), h.clock_at) AS at) AS c -- a Stripe test clock may be ahead
 CROSS JOIN LATERAL (SELECT coalesce(sum(l.remaining), 0)::bigint AS spendable,
                            coalesce(sum(l.granted - l.clawed) FILTER (WHERE l.live), 0)::bigint AS credit_limit
                       FROM (SELECT l.*, l.expires_at IS NULL OR l.expires_at > c.at AS live FROM ledger.credit_lot AS l
                              WHERE l.holder = h.holder AND l.effective_at <= c.at) AS l
                      WHERE l.live OR l.remaining < 0) AS l
  LEFT JOIN LATERAL (SELECT l.expires_at, sum(l.remaining)::bigint AS amount FROM ledger.credit_lot AS l
                      WHERE l.holder = h.holder AND l.remaining > 0 AND l.effective_at <= c.at AND l.expires_at > c.at
                      GROUP BY l.expires_at ORDER BY l.expires_at LIMIT 1) AS x ON true
  LEFT JOIN ledger.credit_entry AS e ON e.holder = h.holder AND e.n = h.entries;
GRANT SELECT ON dashboard.credit_balances TO instep_reader;
RESET ROLE;
