-- ledger.user_hint: which user the hints about a customer name, and which of them counts. No row: none does.
--   p_linked  the operator's link, which may be one that is only to come
--   Source    docs/ledger.md, "Users"
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ledger.user_hint(text, text, text);
CREATE FUNCTION ledger.user_hint(p_account text, p_customer text, p_linked text)
    RETURNS TABLE (user_id text, source text)
    LANGUAGE sql STABLE AS $$
    SELECT h.user_id, h.source
      FROM (SELECT p_linked, 'operator', 1, NULL::timestamptz, ''
            UNION ALL
            SELECT s.meta_user, 'subscription', 2, s.created_at, s.id
              FROM ledger.subscription AS s WHERE s.account = p_account AND s.customer = p_customer
            UNION ALL
            SELECT c.meta_user, 'customer', 3, NULL, ''
              FROM ledger.customer AS c WHERE c.account = p_account AND c.id = p_customer
            UNION ALL
            SELECT s.meta_user, 'session', 4, s.created_at, s.id
              FROM ledger.checkout_session AS s
             WHERE s.account = p_account AND s.customer = p_customer AND s.status = 'complete'
            UNION ALL
            SELECT s.client_reference_id, 'client_reference_id', 5, s.created_at, s.id
              FROM ledger.checkout_session AS s
             WHERE s.account = p_account AND s.customer = p_customer AND s.status = 'complete'
           ) AS h (user_id, source, place, created_at, id)
     WHERE h.user_id IS NOT NULL
     ORDER BY h.place, h.created_at, h.id COLLATE "C" LIMIT 1
$$;
RESET ROLE;
