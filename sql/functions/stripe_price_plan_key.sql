-- stripe.price_plan_key: the plan that a price stands for: metadata.plan_key, else lookup_key, else its id.
--   Errors    IS001 no id
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.price_plan_key(p_price jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(nullif(p_price #>> '{metadata,plan_key}', ''), nullif(p_price ->> 'lookup_key', ''),
                    stripe.word(p_price, 'id'))
$$;
RESET ROLE;
