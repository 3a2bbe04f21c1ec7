-- stripe.unknown_shape: refuse an object that does not look as any known API version says. Never returns.
--   p_object  the Stripe object, or what was found in its place; only its type and id reach the message
--   p_field   path of the field, as Stripe's documentation writes it
--   p_found   the value found, NULL if the field is absent; only its JSON type reaches the message
--   Errors    IS001 always
--   Source    docs/ledger.md, "Shapes"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.unknown_shape(p_object jsonb, p_field text, p_found jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION '% %: field % is %', left(coalesce(nullif(p_object ->> 'object', ''), 'object'), 60),
        left(coalesce(nullif(p_object ->> 'id', ''), '(no id)'), 255), p_field,
        CASE WHEN p_found IS NULL THEN 'missing'
             WHEN jsonb_typeof(p_found) = 'number' THEN 'not a whole number of 64 bits, or not expected to be a number'
             ELSE 'not understood (found ' || jsonb_typeof(p_found) || ')' END
        USING ERRCODE = 'IS001';
END
$$;
RESET ROLE;
