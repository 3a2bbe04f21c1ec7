-- ledger.refund_state: what became of the money of a refund.
--   p_status    as Stripe says; p_moved: it has a balance transaction
--   p_captured, p_released  of its charge, if that is known: whether it was captured at all, and whether only a part was
--   Returns     refunded  it went back (succeeded)
--               pending   it is on its way (pending, requires_action, and what Stripe will think of)
--               none      failed or canceled; or a hold on a card that was let go: nothing had been collected
--   Source      docs/ledger.md, "Refunds"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.refund_state(p_status text, p_moved boolean, p_captured boolean, p_released boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_status IN ('failed', 'canceled') THEN 'none'
                WHEN NOT p_captured THEN 'none'
                WHEN p_released AND NOT p_moved AND p_status = 'succeeded' THEN 'none'
                WHEN p_status = 'succeeded' THEN 'refunded'
                ELSE 'pending' END
$$;
RESET ROLE;
