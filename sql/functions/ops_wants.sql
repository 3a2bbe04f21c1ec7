-- ops.wants: what of a subject is not final and must be looked at again, sooner or later.
--   Returns  [{"object", "id", "due"}], at most 50: those that are due first, then the longest unseen
--            due: a turn should read it now: it is younger than a day, or was not read for a day; true for at most 10.
--            A charge that nothing names is due when it is 10 minutes old; one that is only not settled or not captured
--            yet, and a dispute, once a day.
--            One that changes is named by an event, and is read then; this is for events that never came.
--   A guest's objects are those of its session or charge.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.wants(p_account text, p_subject text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
    WITH charge AS ( -- those that may not be final
        SELECT c.* FROM ledger.charge AS c
         WHERE c.account = p_account AND c.customer = p_subject AND c.missing_at IS NULL
           AND (c.status = 'pending' OR c.status = 'succeeded' AND (c.sale IS NULL OR c.balance_transaction IS NULL))
        UNION
        SELECT c.* FROM ledger.refund AS r JOIN ledger.charge AS c ON c.account = p_account AND c.id = r.charge
         WHERE r.account = p_account AND r.customer = p_subject AND r.state = 'pending'
        UNION
        SELECT c.* FROM ledger.charge AS c WHERE c.account = p_account AND c.id = p_subject AND c.customer IS NULL
        UNION
        SELECT c.* FROM ledger.charge AS c WHERE c.account = p_account AND c.sale = p_subject AND c.customer IS NULL
    ), open (object, id, looked_at, created_at, soon) AS ( -- soon: from when on it is due at any time; NULL: once a day
        SELECT 'invoice', i.id, i.looked_at, i.created_at, CASE WHEN i.status IS DISTINCT FROM 'uncollectible' THEN i.created_at END
          FROM ledger.invoice AS i
         WHERE i.account = p_account AND i.customer = p_subject AND i.missing_at IS NULL
           AND i.status IS DISTINCT FROM 'paid' AND i.status IS DISTINCT FROM 'void'
        UNION ALL
        SELECT 'checkout.session', s.id, s.looked_at, s.created_at, s.created_at
          FROM ledger.checkout_session AS s
         WHERE s.account = p_account AND s.customer = p_subject AND s.missing_at IS NULL
           AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
        UNION ALL
        SELECT 'checkout.session', s.id, s.looked_at, s.created_at, s.created_at
          FROM ledger.checkout_session AS s
         WHERE s.account = p_account AND s.id = p_subject AND s.customer IS NULL AND s.missing_at IS NULL
           AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
        UNION ALL
        SELECT 'charge', c.id, c.looked_at, c.created_at,
               CASE WHEN c.status = 'pending' OR r.pending THEN c.created_at
                    WHEN c.sale IS NULL AND c.captured THEN c.created_at + interval '10 minutes' END
          FROM charge AS c
         CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM ledger.refund AS r
                                             WHERE r.account = p_account AND r.charge = c.id AND r.state = 'pending')) AS r (pending)
         WHERE c.missing_at IS NULL
           AND (c.status = 'pending' OR r.pending
                OR c.status = 'succeeded' AND c.captured AND c.sale IS NULL
                OR c.status = 'succeeded' AND c.balance_transaction IS NULL AND c.amount_refunded < c.amount
                   AND c.created_at > clock_timestamp() - interval '30 days')
        UNION ALL
        SELECT 'dispute', d.id, d.looked_at, d.created_at, NULL
          FROM ledger.dispute AS d
         WHERE d.account = p_account AND d.customer = p_subject AND d.missing_at IS NULL
           AND NOT (d.status IN ('lost', 'warning_closed', 'prevented') OR d.status = 'won' AND d.state = 'none')
        UNION ALL
        SELECT 'dispute', d.id, d.looked_at, d.created_at, NULL
          FROM charge AS c JOIN ledger.dispute AS d ON d.account = p_account AND d.charge = c.id
         WHERE c.customer IS NULL AND d.missing_at IS NULL
           AND NOT (d.status IN ('lost', 'warning_closed', 'prevented') OR d.status = 'won' AND d.state = 'none')
    ), ripe AS (
        SELECT o.*, o.looked_at < clock_timestamp() - interval '1 day'
                    OR coalesce(o.soon <= clock_timestamp() AND o.created_at > clock_timestamp() - interval '1 day'
                                OR o.soon > clock_timestamp() + interval '1 hour' -- a test clock's: as old as it will get
                                OR o.soon > o.created_at AND o.soon <= clock_timestamp(), false) AS due
          FROM open AS o
    ), ranked AS (
        SELECT r.*, row_number() OVER (ORDER BY r.due DESC, r.looked_at, r.id COLLATE "C") AS place FROM ripe AS r
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('object', r.object, 'id', r.id, 'due', r.due AND r.place <= 10)
                              ORDER BY r.place), '[]')
      FROM ranked AS r WHERE r.place <= 50);
END
$$;
RESET ROLE;
