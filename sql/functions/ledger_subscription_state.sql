-- ledger.subscription_state: what a subscription was at a moment, as far as Stripe told (docs/ledger.md, "Subscriptions").
--   p_at     a change at exactly that moment counts; of several at one moment the last
--   Returns  {"status", "items": [...], "pause_collection", "discounts": [...], ...} as stripe.subscription_state;
--            NULL before the first change, and for a subscription that is not known
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.subscription_state(p_account text, p_subscription text, p_at timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.state FROM ledger.subscription_change AS h
     WHERE h.account = p_account AND h.subscription = p_subscription AND h.effective_at <= p_at
     ORDER BY h.effective_at DESC, h.id DESC LIMIT 1
$$;
GRANT EXECUTE ON FUNCTION ledger.subscription_state(text, text, timestamptz) TO instep_app;
RESET ROLE;
