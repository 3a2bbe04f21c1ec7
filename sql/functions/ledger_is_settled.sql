-- ledger.is_settled: whether the lot of a period is all that the period gives, and is as it should be, so that nobody need look closer.
--   p_lot      as ledger.grant_targets has it;  p_plan  its version
--   p_points   of the item, as ledger.credit_points: none may say within the period that the item was anything else
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.is_settled(p_lot jsonb, p_plan ledger.plan_version, p_quantity bigint, p_price text, p_invoice text,
                                             p_from timestamptz, p_to timestamptz, p_effective timestamptz, p_points jsonb)
    RETURNS boolean
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from bigint := extract(epoch FROM p_from);
    v_to bigint := extract(epoch FROM p_to);
    v_expires bigint := v_to;
BEGIN
    IF p_plan.rollover = 'unlimited' THEN
        v_expires := extract(epoch FROM ledger.months_after(p_from, p_plan.expires_months));
    END IF;
    IF (p_lot ->> 'claw')::bigint <> 0 OR (p_lot ->> 'to')::bigint <> v_to
        OR (p_lot ->> 'expires')::bigint IS DISTINCT FROM v_expires
        OR (p_lot ->> 'effective')::bigint <> extract(epoch FROM p_effective)::bigint
        OR p_invoice <> p_lot ->> 'invoice' OR p_invoice IS NOT NULL AND p_lot ->> 'invoice' IS NULL
        OR (p_lot ->> 'amount')::bigint <> ledger.plan_credits(p_plan, false, p_quantity) THEN
        RETURN false;
    END IF;
    RETURN p_points IS NULL OR NOT EXISTS (
        SELECT FROM jsonb_array_elements(p_points) AS p
         WHERE (p.value ->> 'at')::bigint >= v_from AND (p.value ->> 'at')::bigint < v_to
           AND (p.value ->> 'price' <> p_price OR (p.value ->> 'quantity')::bigint IS DISTINCT FROM p_quantity));
END
$$;
RESET ROLE;
