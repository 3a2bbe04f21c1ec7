-- stripe.line_subscription_item: the subscription item that a line of an invoice is for; NULL if for none.
--   Shapes    since 2025-03-31.basil parent.….subscription_item; before, subscription_item, absent where there is none
--   Errors    IS001 as stripe.line_parent; no kind of reference
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.line_subscription_item(p_line jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT stripe.id_or_expanded(stripe.line_parent(p_line) -> 'subscription_item', p_line, 'parent.subscription_item')
$$;
RESET ROLE;
