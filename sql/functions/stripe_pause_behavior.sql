-- stripe.pause_behavior: what becomes of a subscription's invoices while its collection is paused: keep_as_draft,
-- mark_uncollectible, void; NULL: it is not paused. A pause of collection is no status.
--   Errors    IS001 pause_collection is absent, or does not name a behavior
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.pause_behavior(p_subscription jsonb) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(p_subscription -> 'pause_collection') = 'null' THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(p_subscription #> '{pause_collection,behavior}') IS DISTINCT FROM 'string' THEN
        PERFORM stripe.unknown_shape(p_subscription, 'pause_collection', p_subscription -> 'pause_collection');
    END IF;
    RETURN p_subscription #>> '{pause_collection,behavior}';
END
$$;
RESET ROLE;
