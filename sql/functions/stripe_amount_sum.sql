-- stripe.amount_sum: minor units of all members of an array together.
--   p_object, p_field  where the array stands, for the message
--   p_list             [{"amount": n, ...}, ...]; JSON null: none
--   Errors    IS001 absent, no array, an amount that is not whole, a sum beyond 64 bits
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.amount_sum(p_object jsonb, p_list jsonb, p_field text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_list = '[]' THEN
        RETURN 0;
    END IF;
    RETURN (
    SELECT stripe.whole(p_object, to_jsonb(coalesce(sum(stripe.whole(p_object, m.value -> 'amount', p_field || '[].amount')), 0)),
                        p_field)
      FROM jsonb_array_elements(stripe.members(p_object, p_list, p_field)) AS m);
END
$$;
RESET ROLE;
