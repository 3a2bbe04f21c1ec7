-- ledger.change_effective: since when a change of a subscription's state holds, as far as Stripe says.
--   p_before, p_after  states as stripe.subscription_state; p_before NULL at first sight
--   p_created          when the subscription was made
--   p_event_at         creation of the newest event of the turn that names the subscription, NULL if none does
--   p_told_at          creation of the newest event of the turn that is not after the read, NULL if there is none
--   p_read_at          when it was read, by our clock, which may be far from Stripe's
--   Returns            the moment, and where it was taken from
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.change_effective(jsonb, jsonb, timestamptz, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION ledger.change_effective(p_before jsonb, p_after jsonb, p_created timestamptz,
                                                   p_event_at timestamptz, p_told_at timestamptz,
                                                   p_read_at timestamptz, OUT effective_at timestamptz, OUT basis text)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_period bigint := (SELECT max((i.value ->> 'current_period_start')::bigint)
                          FROM jsonb_array_elements(p_after -> 'items') AS i);
    v_period_before bigint := (SELECT max((i.value ->> 'current_period_start')::bigint)
                                 FROM jsonb_array_elements(p_before -> 'items') AS i);
    v_status_before text := p_before ->> 'status';
    v_status text := p_after ->> 'status';
BEGIN
    CASE
        WHEN p_after ->> 'ended_at' IS NOT NULL AND p_before ->> 'ended_at' IS NULL THEN
            effective_at := to_timestamp((p_after ->> 'ended_at')::bigint);
            basis := 'ended_at';
        WHEN p_before IS NULL THEN
            effective_at := p_created;
            basis := 'created';
        WHEN v_status_before = 'trialing' AND v_status IS DISTINCT FROM 'trialing'
            AND p_after ->> 'trial_end' IS NOT NULL THEN
            effective_at := to_timestamp((p_after ->> 'trial_end')::bigint);
            basis := 'trial_end';
        WHEN v_period > v_period_before THEN
            effective_at := to_timestamp(v_period);
            basis := 'period';
        WHEN p_after ->> 'canceled_at' IS NOT NULL AND p_before ->> 'canceled_at' IS NULL THEN
            effective_at := to_timestamp((p_after ->> 'canceled_at')::bigint);
            basis := 'canceled_at';
        WHEN coalesce(p_event_at, p_told_at) IS NOT NULL THEN
            effective_at := coalesce(p_event_at, p_told_at);
            basis := 'event';
        ELSE
            effective_at := p_read_at;
            basis := 'read';
    END CASE;
END
$$;
RESET ROLE;
