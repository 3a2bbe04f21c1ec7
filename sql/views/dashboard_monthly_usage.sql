-- dashboard.monthly_usage: how much has each user used of each meter in a month, of how much?
--   One row per user, meter and month in which something was counted: a month of the subscription that counted (of annual ones
--   too), or a calendar month (UTC) for a user who has none (subscription_id NULL).
--   usage_limit, remaining  as it was when something was counted last; NULL: no limit. What may be used now, in a plan that
--                           changed since, is ledger.entitlement(user).limits
--   is_current              the month is not over
SET LOCAL ROLE instep_owner;
DROP VIEW IF EXISTS dashboard.monthly_usage;
CREATE VIEW dashboard.monthly_usage AS
SELECT u.user_id,
       u.meter,
       u.period_start,
       u.period_end,
       u.used,
       e.usage_limit,
       CASE WHEN e.usage_limit IS NOT NULL THEN greatest(e.usage_limit - u.used, 0) END AS remaining,
       u.subscription AS subscription_id,
       now() >= u.period_start AND now() < u.period_end AS is_current,
       e.recorded_at AS last_used_at
  FROM ledger.usage_period AS u
  LEFT JOIN LATERAL (SELECT e.usage_limit, e.recorded_at FROM ledger.usage_entry AS e
                      WHERE e.user_id = u.user_id AND e.meter = u.meter AND e.period_start = u.period_start
                      ORDER BY e.id DESC LIMIT 1) AS e ON true
 WHERE u.used > 0;
GRANT SELECT ON dashboard.monthly_usage TO instep_reader;
RESET ROLE;
