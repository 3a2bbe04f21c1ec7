-- dashboard.failed_events: which events have failed and are not made up for yet, why, and what is to be done?
--   One row per event that waits for its next attempt (retrying) or was given up (dead); it leaves when a turn succeeds. Syncs
--   that an operator asked for are among them.
--   class       why: stripe_transient, stripe_permanent, unknown_user, unknown_shape, policy, bug
--   next_at     retrying: when it is tried again
--   failed_at   dead: when it was given up, the last time of so many burials; retried_at: an operator has put it back since
--   next_step   what a person does about it; docs/operations.md says more
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.failed_events;
CREATE VIEW dashboard.failed_events AS
SELECT e.id AS stripe_event_id,
       e.type AS event_type,
       coalesce(e.customer, CASE WHEN e.subject LIKE 'cus\_%' THEN e.subject END) AS stripe_customer_ref,
       e.object_id AS stripe_object_ref,
       e.outcome,
       coalesce(d.class, e.error_class) AS class,
       coalesce(d.error, e.error) AS error,
       coalesce(d.attempts, e.attempts) AS attempts,
       d.burials,
       e.created_at,
       e.received_at,
       d.buried_at AS failed_at,
       d.retried_at,
       CASE WHEN e.outcome = 'retrying' THEN e.next_at END AS next_at,
       CASE WHEN e.outcome = 'retrying' THEN 'wait: it is tried again by itself'
            WHEN d.retried_at > d.buried_at THEN 'wait: it was put back into the queue'
            ELSE CASE d.class
                 WHEN 'stripe_transient' THEN 'when Stripe is well again: '
                 WHEN 'stripe_permanent' THEN 'look at the permissions of the key, then: '
                 WHEN 'unknown_user' THEN 'instep link ' || coalesce(e.customer, 'CUSTOMER') || ' USER, then: '
                 WHEN 'unknown_shape' THEN 'teach the reader that the error names, then: '
                 WHEN 'policy' THEN 'look at the rule that refused it, then: '
                 ELSE 'report it, and after the fix: ' END || 'instep dead retry ' || e.id END AS next_step
  FROM ops.webhook_event AS e
  LEFT JOIN ops.dead_letter AS d ON d.account = e.account AND d.event_id = e.id AND d.settled_at IS NULL
 WHERE e.outcome IN ('retrying', 'dead');
GRANT SELECT ON dashboard.failed_events TO instep_reader;
RESET ROLE;
