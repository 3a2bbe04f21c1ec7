-- ledger.check_credit_input: refuse what no call of an application may say, each with its own SQLSTATE. Passes what is right.
--   Errors   IS010 no user; IS011 amount missing, zero or negative; IS012 amount no whole number, or beyond int64;
--            IS013 key missing, empty or longer than 500 characters, or longer
--            than 2560 bytes together with the user; or a note longer than 2000
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.check_credit_input(p_user text, p_amount numeric, p_key text, p_note text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(p_user, '') = '' THEN
        RAISE EXCEPTION 'user is %', coalesce(quote_literal(p_user), 'NULL')
            USING ERRCODE = 'IS010', HINT = 'Name the user by its id.';
    ELSIF p_amount IS NULL OR p_amount <= 0 THEN
        RAISE EXCEPTION 'amount % is not positive', coalesce(p_amount::text, 'NULL')
            USING ERRCODE = 'IS011', HINT = 'Give a whole number from 1 on; to give credits back there is ledger.refund_spend.';
    ELSIF p_amount = 'NaN' OR p_amount > 9223372036854775807 OR p_amount <> trunc(p_amount) THEN
        RAISE EXCEPTION 'amount % is not a whole number up to 9223372036854775807', p_amount
            USING ERRCODE = 'IS012', HINT = 'Credits are whole; round before you ask.';
    ELSIF p_key IS NULL OR length(p_key) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION 'idempotency key %',
            CASE WHEN p_key IS NULL THEN 'is NULL' WHEN p_key = '' THEN 'is empty'
                 ELSE format('has %s characters, at most 500 are allowed: %s…', length(p_key), left(p_key, 40)) END
            USING ERRCODE = 'IS013', HINT = 'Give what names this one action in your application, the same when you try again.';
    ELSIF octet_length(p_user) + octet_length(p_key) > 2560 THEN -- an index takes 2704, and expiry puts a word before the key
        RAISE EXCEPTION 'idempotency key and user have % bytes, at most 2560 are allowed: %…', octet_length(p_user) + octet_length(p_key),
            left(p_key, 40) USING ERRCODE = 'IS013', HINT = 'Give a shorter key, or its hash.';
    ELSIF length(p_note) > 2000 THEN
        RAISE EXCEPTION 'note has % characters, at most 2000 are allowed: %…', length(p_note), left(p_note, 40)
            USING ERRCODE = 'IS013', HINT = 'Shorten the note.';
    END IF;
END
$$;
RESET ROLE;
