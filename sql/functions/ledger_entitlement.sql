-- ledger.entitlement: what a user may have and use at a moment. Cheap: an application may ask at every request.
--   p_at     default now (on a Stripe test clock, by that); only policy is projected (grace ends, months begin), not what Stripe will say by then
--   Returns  exactly one row. Of several subscriptions the entitled one with the highest plan rank counts, then the
--            one that lasts longest, then the oldest. An unknown user is not entitled, reason 'no subscription'.
--            plan_version   of the month that p_at is in; NULL: nobody has described the plan
--            credits        what can be spent, of all subscriptions; credit_limit  what was given of that
--            limits         {meter: {"limit", "hard", "used", "remaining", "period_start", "period_end"}}, moments in unix seconds:
--                           those of the plans of all items of the subscription that counts, added up, times the quantity where
--                           the plan says so; {} if not entitled. A meter that is not there has no limit
--            period_start, period_end  the month in which usage is counted, of the subscription that counts; NULL without one
--   Errors   none
--   Source   docs/credits.md, "Plans"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.entitlement(text, timestamptz);
CREATE FUNCTION ledger.entitlement(p_user text, p_at timestamptz DEFAULT NULL)
    RETURNS TABLE (user_id text, entitled boolean, plan_key text, reason text, entitled_until timestamptz,
                   account text, customer text, subscription text, status text, plan_version integer, credits bigint,
                   credit_limit bigint, limits jsonb, period_start timestamptz, period_end timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := ledger.clock();
    v_at timestamptz := coalesce(p_at, greatest(v_now, (SELECT h.clock_at FROM ledger.credit_holder AS h
                                                         WHERE h.holder = 'user:' || p_user)));
BEGIN
    user_id := p_user;
    entitled := false;
    reason := 'no subscription';
    limits := '{}';
    SELECT n.now_entitled, k.plan_now, CASE WHEN e.entitled AND NOT n.now_entitled THEN e.reason || ' over' ELSE e.reason END,
           e.entitled_until, e.account, e.customer, e.subscription, e.status
      INTO entitled, plan_key, reason, entitled_until, account, customer, subscription, status
      FROM ledger.entitlement AS e
     CROSS JOIN LATERAL (SELECT o.created_at FROM ledger.subscription AS o
                          WHERE o.account = e.account AND o.id = e.subscription OFFSET 0) AS s
     CROSS JOIN LATERAL (SELECT ledger.plan_of(e.account, e.subscription)) AS k (plan_now)
     CROSS JOIN LATERAL (SELECT (SELECT o.rank FROM ledger.plan AS o WHERE o.plan_key = k.plan_now)) AS p (rank)
     CROSS JOIN LATERAL (SELECT e.entitled AND (e.entitled_until IS NULL OR v_at < e.entitled_until)) AS n (now_entitled)
     WHERE e.user_id = p_user
     ORDER BY n.now_entitled DESC, p.rank DESC NULLS LAST, e.entitled_until DESC NULLS FIRST, s.created_at,
              e.subscription COLLATE "C"
     LIMIT 1;
    IF FOUND THEN
        SELECT m.version, m.month_start, m.month_end, CASE WHEN entitled THEN m.limits ELSE '{}' END
          INTO plan_version, period_start, period_end, limits
          FROM ledger.limits_of(p_user, account, subscription, v_at) AS m;
    ELSE
        entitled := false;
        reason := 'no subscription';
    END IF;
    SELECT c.credits, c.credit_limit INTO credits, credit_limit FROM ledger.credits_of('user:' || p_user, v_at, v_at >= v_now) AS c;
    RETURN NEXT;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.entitlement(text, timestamptz) TO instep_app;
RESET ROLE;
