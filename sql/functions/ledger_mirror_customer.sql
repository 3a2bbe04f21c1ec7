-- ledger.mirror_customer: note what the customer object says: deleted or not, the user its metadata names, its balance.
--   p_customers  array with at most one customer object, possibly a deleted stub
--   A deleted customer keeps what was known of it: the stub carries no metadata.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_customer(p_customers jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE ledger.customer AS c
       SET deleted = n.gone,
           meta_user = CASE WHEN n.gone THEN c.meta_user ELSE n.meta_user END,
           balance = CASE WHEN n.gone THEN c.balance ELSE n.balance END,
           balance_currency = CASE WHEN n.gone THEN c.balance_currency ELSE n.balance_currency END
      FROM (SELECT o.value ->> 'id' AS id, coalesce(o.value -> 'deleted' = 'true', false) AS gone,
                   stripe.metadata_user(o.value, ARRAY(SELECT jsonb_array_elements_text(p_context -> 'user_keys')))
                       AS meta_user,
                   stripe.whole_if_any(o.value, 'balance') AS balance, lower(o.value ->> 'currency') AS balance_currency
              FROM jsonb_array_elements(p_customers) AS o) AS n
     WHERE c.account = p_context ->> 'account' AND c.id = n.id AND c.id = p_context ->> 'customer'
       AND ((c.deleted, c.meta_user) IS DISTINCT FROM
            (n.gone, CASE WHEN n.gone THEN c.meta_user ELSE n.meta_user END)
            OR NOT n.gone AND (c.balance, c.balance_currency) IS DISTINCT FROM (n.balance, n.balance_currency));
END
$$;
RESET ROLE;
