-- ledger.spend_credits: take credits of a user, if there are enough; atomic, never below zero, once per key.
--   p_amount  a whole number from 1 on
--   p_key     names this one action of the application, up to 500 characters; tried again with the same key it is taken once
--   Returns   one row. accepted false: not enough, nothing was taken or recorded. replayed: the key had been used for the same.
--             balance is what can be spent now, credit_limit what was given of it
--   Errors    IS002 the key was used for something else, IS010 unknown user, IS011 amount not positive, IS012 no whole number or
--             beyond int64, IS013 key missing, empty or too long
--   Source    docs/credits.md, "Spending"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.spend_credits(text, numeric, text, text);
CREATE FUNCTION ledger.spend_credits(p_user text, p_amount numeric, p_key text, p_note text DEFAULT NULL,
                                     OUT accepted boolean, OUT replayed boolean, OUT amount bigint, OUT balance bigint,
                                     OUT credit_limit bigint, OUT entry bigint)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    v := ledger.spend_at(p_user, p_amount, p_key, p_note, ledger.clock());
    accepted := v.accepted;
    replayed := v.replayed;
    amount := v.amount;
    balance := v.balance;
    credit_limit := v.credit_limit;
    entry := v.entry;
END
$$;
GRANT EXECUTE ON FUNCTION ledger.spend_credits(text, numeric, text, text) TO instep_app;
RESET ROLE;
