-- ledger.state_summary: a state of a subscription in a few words, for logs and people.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.state_summary(p_state jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT concat_ws(', ', p_state ->> 'status',
        (SELECT string_agg((i.value ->> 'plan_key') || CASE WHEN i.value ->> 'quantity' <> '1'
                                                            THEN ' x ' || (i.value ->> 'quantity') ELSE '' END, ' + ')
           FROM jsonb_array_elements(p_state -> 'items') AS i),
        'until ' || (SELECT to_char(to_timestamp(min((i.value ->> 'current_period_end')::bigint)) AT TIME ZONE 'UTC',
                                    'YYYY-MM-DD') FROM jsonb_array_elements(p_state -> 'items') AS i),
        CASE WHEN p_state -> 'cancel_at_period_end' = 'true' OR p_state ->> 'cancel_at' IS NOT NULL
             THEN 'will cancel' END,
        'collection paused: ' || (p_state ->> 'pause_collection'),
        'discounted: ' || (SELECT string_agg(coalesce(d.value ->> 'coupon', d.value ->> 'promotion_code'), ' + ')
                             FROM jsonb_array_elements(p_state -> 'discounts') AS d))
$$;
RESET ROLE;
