-- stripe.transition_at: when an invoice came to a status: status_transitions.<p_name>, NULL: never.
--   Errors    IS001 not seconds
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.transition_at(p_invoice jsonb, p_name text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT stripe.moment(p_invoice, coalesce(p_invoice #> ARRAY['status_transitions', p_name], 'null'),
                         'status_transitions.' || p_name)
$$;
RESET ROLE;
