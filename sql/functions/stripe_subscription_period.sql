-- stripe.subscription_period: the current period of an item.
--   p_subscription, p_item  the subscription and one of its items
--   Shapes    since 2025-03-31.basil on the item; before, on the subscription
--   Errors    IS001 on neither, or not seconds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.subscription_period(p_subscription jsonb, p_item jsonb,
                                                      OUT period_start timestamptz, OUT period_end timestamptz)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_on jsonb := CASE WHEN p_item ? 'current_period_start' THEN p_item ELSE p_subscription END;
BEGIN
    IF NOT v_on ? 'current_period_start' THEN
        PERFORM stripe.unknown_shape(p_item, 'current_period_start', NULL);
    END IF;
    period_start := stripe.moment_required(v_on, 'current_period_start');
    period_end := stripe.moment_required(v_on, 'current_period_end');
END
$$;
RESET ROLE;
