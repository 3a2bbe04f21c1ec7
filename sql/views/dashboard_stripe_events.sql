-- dashboard.stripe_events: which events came, and what became of them?
--   created_at by Stripe, processed_at when the ledger had taken it in. Instep's own instep.sync events are left out.
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.stripe_events;
CREATE VIEW dashboard.stripe_events AS
SELECT e.id AS stripe_event_id,
       e.type AS event_type,
       coalesce(e.customer, CASE WHEN e.subject LIKE 'cus\_%' THEN e.subject END) AS stripe_customer_ref,
       e.outcome IN ('applied', 'ignored') AS processed,
       e.outcome,
       e.error,
       e.attempts,
       e.created_at,
       e.processed_at
  FROM ops.webhook_event AS e
 WHERE e.type NOT LIKE 'instep.%';
GRANT SELECT ON dashboard.stripe_events TO instep_reader;
RESET ROLE;
