-- dashboard.credit_transactions: what happened to a user's credits, one movement after the other, and why?
--   One row per entry; a user's, in the order of n, are a chain: each begins with the balance that the one before left.
--   user_id           NULL: credits of a customer whose user nobody knows yet; stripe_customer_ref says which
--   amount            positive: given, negative: taken, 0: between two lots of the user
--   transaction_type  ledger.credit_kind explains them: granted, spent, spend_returned, clawed_back, clawback_returned,
--                     expired, unexpired, rolled_over, debt_repaid, moved_out, moved_in
--   transition        what happened to the subscription: trial_start, trial_to_active, renewal, month, upgrade, refund, …; NULL:
--                     nothing, the application or time did it
--   balance_before, balance_after  as booked; what can be spent is dashboard.credit_balances.spendable
--   stripe_event_id   the event that caused it; NULL: the application, time, or a link did
--   created_at        when it was booked; effective_at when it happened
--   source            what it follows from: in_…, sub_…, re_…; of what the application did its idempotency key
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.credit_transactions;
CREATE VIEW dashboard.credit_transactions AS
SELECT h.user_id,
       e.amount,
       e.kind AS transaction_type,
       e.transition,
       e.balance_before,
       e.balance_after,
       e.subscription AS subscription_id,
       e.plan_key,
       e.event_id AS stripe_event_id,
       e.recorded_at AS created_at,
       e.n,
       e.effective_at,
       e.plan_version,
       CASE WHEN e.idempotency_key LIKE 'app:%' THEN substr(e.idempotency_key, 5)
            ELSE coalesce(e.source, l.manual_key) END AS source,
       e.note,
       coalesce(l.customer, h.customer) AS stripe_customer_ref,
       e.id AS entry_id,
       e.turn
  FROM ledger.credit_entry AS e
  JOIN ledger.credit_holder AS h ON h.holder = e.holder
  JOIN ledger.credit_lot AS l ON l.id = e.lots[1];
GRANT SELECT ON dashboard.credit_transactions TO instep_reader;
RESET ROLE;
