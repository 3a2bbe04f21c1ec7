-- ledger.refund_spend: give back what a user had spent: the job failed, the image was not wanted.
--   p_spend_key  the key of the spend
--   p_amount     how much of it; NULL: what is left of it
--   p_key        names this giving back; tried again with the same key it is done once
--   Returns      one row, as ledger.spend_credits; amount is what was given back. What came back to credits that have expired since
--                is not in balance.
--   Errors       as ledger.spend_credits, and IS014 no such spend, or more than is left of it to give back (of credits that have
--                gone to another user since, nothing is)
--   Source       docs/credits.md, "Spending"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.refund_spend(text, text, numeric, text, text);
CREATE FUNCTION ledger.refund_spend(p_user text, p_spend_key text, p_amount numeric, p_key text, p_note text DEFAULT NULL,
                                    OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                    OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.accepted, s.replayed, s.amount, s.balance, s.credit_limit, s.entry
      INTO accepted, replayed, amount, balance, credit_limit, entry
      FROM ledger.refund_spend_at(p_user, p_spend_key, p_amount, p_key, p_note, ledger.clock()) AS s;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.refund_spend(text, text, numeric, text, text) TO instep_app;
RESET ROLE;
