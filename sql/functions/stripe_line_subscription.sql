-- stripe.line_subscription: the subscription that a line of an invoice, or an invoice item, is for; NULL if for none.
--   Shapes    since 2025-03-31.basil parent.….subscription, else subscription on the line, which stayed; before, subscription
--   Errors    IS001 as stripe.line_parent; no kind of reference
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.line_subscription(p_line jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(stripe.id_or_expanded(stripe.line_parent(p_line) -> 'subscription', p_line, 'parent.subscription'),
                    stripe.id_or_expanded(p_line -> 'subscription', p_line, 'subscription'))
$$;
RESET ROLE;
