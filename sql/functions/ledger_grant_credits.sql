-- ledger.grant_credits: give a user credits that no plan gives: goodwill, a prize, a purchase that Stripe knows nothing of.
--   p_expires_at  not spendable from then on; NULL: never expires
--   Returns       one row, as ledger.spend_credits
--   Errors        as ledger.spend_credits; IS012 also if the balance would be beyond 10^18; IS015 they would have expired already
--   Source        docs/credits.md, "Spending"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.grant_credits(text, numeric, text, text, timestamptz);
CREATE FUNCTION ledger.grant_credits(p_user text, p_amount numeric, p_key text, p_note text, p_expires_at timestamptz DEFAULT NULL,
                                     OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                     OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.accepted, s.replayed, s.amount, s.balance, s.credit_limit, s.entry
      INTO accepted, replayed, amount, balance, credit_limit, entry
      FROM ledger.grant_at(p_user, p_amount, p_key, p_note, p_expires_at, ledger.clock()) AS s;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.grant_credits(text, numeric, text, text, timestamptz) TO instep_app, instep_operator;
RESET ROLE;
