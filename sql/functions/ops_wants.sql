-- ops.wants: what of a subject is not final and must be looked at again, sooner or later.
--   Returns  [{"object", "id", "due"}], at most 50: those that are due first, then the longest unseen
--            due: a turn should read it now: it is younger than a day, or was not read for a day; true for at most 10.
--            One that changes is named by an event, and is read then; this is for events that never came.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.wants(p_account text, p_subject text) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
    WITH open AS (
        SELECT 'invoice' AS object, i.id, i.looked_at, i.created_at, i.status = 'uncollectible' AS stale
          FROM ledger.invoice AS i
         WHERE i.account = p_account AND i.customer = p_subject AND i.missing_at IS NULL
           AND i.status IS DISTINCT FROM 'paid' AND i.status IS DISTINCT FROM 'void'
        UNION ALL
        SELECT 'checkout.session', s.id, s.looked_at, s.created_at, false
          FROM ledger.checkout_session AS s
         WHERE s.account = p_account AND s.customer = p_subject AND s.missing_at IS NULL
           AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
        UNION ALL
        SELECT 'checkout.session', s.id, s.looked_at, s.created_at, false
          FROM ledger.checkout_session AS s
         WHERE s.account = p_account AND s.id = p_subject AND s.customer IS NULL AND s.missing_at IS NULL
           AND (s.status = 'open' OR s.status = 'complete' AND s.payment_status = 'unpaid')
    ), ripe AS (
        SELECT o.*, o.looked_at < clock_timestamp() - interval '1 day'
                    OR o.stale IS NOT TRUE AND o.created_at > clock_timestamp() - interval '1 day' AS due
          FROM open AS o
    ), ranked AS (
        SELECT r.*, row_number() OVER (ORDER BY r.due DESC, r.looked_at, r.id COLLATE "C") AS place FROM ripe AS r
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('object', r.object, 'id', r.id, 'due', r.due AND r.place <= 10)
                              ORDER BY r.place), '[]')
      FROM ranked AS r WHERE r.place <= 50
$$;
RESET ROLE;
