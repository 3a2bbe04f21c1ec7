-- ledger.charge_flag: why a person should look at a charge; NULL: no reason.
--   More was refunded, or refunded and disputed, than was collected. It is booked all the same. Amounts in other currencies than
--   the charge's are not compared.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.charge_flag(p_charge ledger.charge) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    SELECT CASE WHEN n.refunded + n.disputed > p_charge.amount_captured AND n.refunded + n.disputed > 0
                THEN format('%s refunded and %s disputed of %s %s', n.refunded, n.disputed, p_charge.amount_captured,
                            p_charge.currency) END
      FROM (SELECT (SELECT coalesce(sum(r.amount), 0) FROM ledger.refund AS r
                     WHERE r.account = p_charge.account AND r.charge = p_charge.id AND r.currency = p_charge.currency
                       AND r.state <> 'none') AS refunded,
                   (SELECT coalesce(sum(d.amount), 0) FROM ledger.dispute AS d
                     WHERE d.account = p_charge.account AND d.charge = p_charge.id AND d.currency = p_charge.currency
                       AND d.state <> 'none') AS disputed) AS n);
END
$$;
RESET ROLE;
