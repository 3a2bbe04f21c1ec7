-- ledger.limits_of: what a subscription allows in the month that a moment is in, and how much of it is used.
--   p_user   whose usage is looked at
--   Returns  one row: version  of the plan that counts (ledger.plan_of) in that month; NULL: not described, or no item
--            month_start, month_end  of the item that counts; NULL without one
--            limits   as ledger.entitlement
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.limits_of(p_user text, p_account text, p_subscription text, p_at timestamptz,
                                            OUT version integer, OUT month_start timestamptz, OUT month_end timestamptz,
                                            OUT limits jsonb)
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
    v_version ledger.plan_version;
    v_limits jsonb := '{}'; -- {meter: {"limit", "hard"}}
BEGIN
    FOR v IN
        SELECT i.quantity, k.plan_key, m.month_start, m.month_end
          FROM ledger.subscription AS s
          JOIN ledger.subscription_item AS i ON i.account = s.account AND i.subscription = s.id AND i.removed_at IS NULL
         CROSS JOIN LATERAL (SELECT * FROM ledger.plan_price AS o
                              WHERE o.account = i.account AND o.price_id = i.price_id OFFSET 0) AS k
         CROSS JOIN LATERAL (SELECT o.rank FROM ledger.plan AS o WHERE o.plan_key = k.plan_key OFFSET 0) AS p
         CROSS JOIN LATERAL ledger.month_at(s.billing_cycle_anchor, i.current_period_start, i.current_period_end,
                                            k.recurring_interval, k.recurring_count, p_at) AS m
         WHERE s.account = p_account AND s.id = p_subscription
         ORDER BY p.rank DESC, k.plan_key COLLATE "C", i.id COLLATE "C"
    LOOP
        v_version := ledger.plan_version_at(v.plan_key, v.month_start, v.month_end);
        IF month_start IS NULL THEN
            version := v_version.version;
            month_start := v.month_start;
            month_end := v.month_end;
        END IF;
        IF v_version.limits <> '{}' THEN
            v_limits := v_limits || (
                SELECT jsonb_object_agg(n.key, jsonb_build_object(
                           'limit', least(coalesce((v_limits #>> ARRAY[n.key, 'limit'])::numeric, 0)
                                          + (n.value ->> 'limit')::numeric
                                            * CASE WHEN n.value -> 'per_unit' = 'true' THEN coalesce(v.quantity, 1) ELSE 1 END,
                                          9223372036854775807),
                           'hard', coalesce(v_limits #> ARRAY[n.key, 'hard'] = 'true', false) OR n.value -> 'hard' = 'true'))
                  FROM jsonb_each(v_version.limits) AS n);
        END IF;
    END LOOP;
    limits := '{}';
    IF v_limits <> '{}' THEN
        limits := (
            SELECT jsonb_object_agg(n.key, n.value || jsonb_build_object(
                       'used', coalesce(u.used, 0),
                       'remaining', greatest((n.value ->> 'limit')::numeric - coalesce(u.used, 0), 0),
                       'period_start', extract(epoch FROM limits_of.month_start)::bigint,
                       'period_end', extract(epoch FROM limits_of.month_end)::bigint))
              FROM jsonb_each(v_limits) AS n
              LEFT JOIN LATERAL (SELECT o.used FROM ledger.usage_period AS o
                                  WHERE o.user_id = p_user AND o.meter = n.key AND o.period_start = limits_of.month_start
                                 OFFSET 0) AS u ON true);
    END IF;
END
$$;
RESET ROLE;
