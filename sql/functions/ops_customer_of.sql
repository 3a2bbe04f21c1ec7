-- ops.customer_of: which customers a selector means, as far as the ledger knows.
--   p_selector  cus_…, sub_…, in_…, cs_…, ch_…, re_…, dp_…, cn_…, any object that was routed, or user:ID
--   Returns     no row: unknown here
SET LOCAL ROLE instep_owner;
DROP FUNCTION IF EXISTS ops.customer_of(text);
CREATE FUNCTION ops.customer_of(p_selector text) RETURNS TABLE (account text, customer text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.account, c.id FROM ledger.customer AS c
     WHERE p_selector LIKE 'user:%' AND c.user_id = substr(p_selector, 6) AND c.kind = 'customer'
    UNION
    SELECT c.account, c.id FROM ledger.customer AS c WHERE c.id = p_selector AND c.kind = 'customer'
    UNION
    SELECT c.account, c.routed_to FROM ledger.customer AS c WHERE c.id = p_selector AND c.routed_to IS NOT NULL
    UNION
    SELECT s.account, s.customer FROM ledger.subscription AS s WHERE s.id = p_selector
    UNION
    SELECT i.account, i.customer FROM ledger.invoice AS i WHERE i.id = p_selector AND i.customer IS NOT NULL
    UNION
    SELECT s.account, s.customer FROM ledger.checkout_session AS s WHERE s.id = p_selector AND s.customer IS NOT NULL
    UNION
    SELECT c.account, c.customer FROM ledger.charge AS c WHERE c.id = p_selector AND c.customer IS NOT NULL
    UNION
    SELECT r.account, r.customer FROM ledger.refund AS r WHERE r.id = p_selector AND r.customer IS NOT NULL
    UNION
    SELECT d.account, d.customer FROM ledger.dispute AS d WHERE d.id = p_selector AND d.customer IS NOT NULL
    UNION
    SELECT n.account, n.customer FROM ledger.credit_note AS n WHERE n.id = p_selector AND n.customer IS NOT NULL
    ORDER BY 1, 2
$$;
GRANT EXECUTE ON FUNCTION ops.customer_of(text) TO instep_operator;
RESET ROLE;
