-- ledger.mirror_customer: note what the customer object says: deleted or not, and the user its metadata names.
--   p_customers  array with at most one customer object, possibly a deleted stub
--   A deleted customer keeps what was known of it: the stub carries no metadata.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.mirror_customer(p_customers jsonb, p_context jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UPDATE ledger.customer AS c
       SET deleted = n.gone,
           meta_user = CASE WHEN n.gone THEN c.meta_user ELSE n.meta_user END
      FROM (SELECT o.value ->> 'id' AS id, coalesce(o.value -> 'deleted' = 'true', false) AS gone,
                   stripe.metadata_user(o.value, ARRAY(SELECT jsonb_array_elements_text(p_context -> 'user_keys')))
                       AS meta_user
              FROM jsonb_array_elements(p_customers) AS o) AS n
     WHERE c.account = p_context ->> 'account' AND c.id = n.id AND c.id = p_context ->> 'customer'
       AND (c.deleted, c.meta_user) IS DISTINCT FROM
           (n.gone, CASE WHEN n.gone THEN c.meta_user ELSE n.meta_user END);
END
$$;
RESET ROLE;
