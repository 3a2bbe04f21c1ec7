-- stripe.event_relevant: does any rule of this ledger read what events of this type are about?
--   Events of other types are recorded as ignored. Thin notifications (v1.…) count as what they mirror.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.event_relevant(p_type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(p_type, '^v1\.', '') ~
        '^(instep\.|customer\.(created|updated|deleted|subscription\.|discount\.)|subscription_schedule\.|checkout\.session\.'
        '|invoice\.|invoice_payment\.|payment_intent\.succeeded$|charge\.|refund\.|credit_note\.'
        '|product\.|price\.|plan\.|coupon\.|promotion_code\.)'
$$;
RESET ROLE;
