-- ledger.dispute_state: where the money of a dispute is.
--   p_withdrawn   Stripe took it;  p_reinstated  and gave it back
--   Returns       none  with us: an inquiry, won, given back;  held  taken, and not decided;  lost  gone
--   A status is what people think; what moved decides: whoever has won has the money when it is back. lost may be appealed.
--   An unknown status holds what was taken.
--   Source        docs/ledger.md, "Disputes"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.dispute_state(p_status text, p_withdrawn boolean, p_reinstated boolean) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_reinstated THEN 'none'
                WHEN p_status = 'lost' THEN 'lost'
                WHEN p_withdrawn THEN 'held'
                WHEN p_status IN ('needs_response', 'under_review') OR p_status LIKE 'appeal\_%' THEN 'held'
                ELSE 'none' END
$$;
RESET ROLE;
