-- ledger.points_within: the changes of an item that count in a stretch of one of its periods, in order of time.
--   p_points   of the item, as ledger.credit_points has them
--   p_starts   when the item's period began, of which the stretch is all or a month
--   p_from, p_to  the stretch: from p_from on and before p_to
--   p_price    what it began with;  p_paid_at  since when that is paid for; NULL: it is not
--   A line counts if its invoice is paid, or, for plans that grant when active, finalized. One that waited for another invoice counts
--   at once if what it changed was paid for by then. What was seen counts while the subscription was active or trialing, or,
--   for such plans, past_due; unless a line says the same, which counts, or was billed at once and waits to be paid.
--   Returns    the points, each with "invoice" only if that is what makes it count
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.points_within(p_points jsonb, p_starts bigint, p_from bigint, p_to bigint, p_price text,
                                                p_paid_at bigint) RETURNS jsonb[]
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_lines jsonb[] := '{}';
    v_unpaid jsonb[] := '{}';
    v_seen jsonb[] := '{}';
    v_point jsonb;
    v_active boolean;
BEGIN
    FOR v_point IN SELECT p.value FROM jsonb_array_elements(p_points) AS p LOOP
        CONTINUE WHEN (v_point ->> 'at')::bigint < p_from OR (v_point ->> 'at')::bigint >= p_to;
        v_active := (SELECT n.grant_when = 'active'
                       FROM ledger.plan_version_at(v_point ->> 'plan', to_timestamp(p_from), to_timestamp(p_to)) AS n);
        IF NOT (v_point -> 'line')::boolean THEN
            IF (v_point ->> 'starts')::bigint = p_starts
                AND (v_point ->> 'status' IN ('active', 'trialing') OR v_point ->> 'status' = 'past_due' AND v_active) THEN
                v_seen := array_append(v_seen, v_point);
            END IF;
            CONTINUE;
        END IF;
        CONTINUE WHEN (v_point -> 'free')::boolean AND v_point ->> 'price' = p_price;
        IF (v_point -> 'paid')::boolean OR v_active AND (v_point -> 'finalized')::boolean THEN
            v_lines := array_append(v_lines, v_point);
        ELSIF (v_point -> 'pending')::boolean AND (v_active OR p_paid_at <= (v_point ->> 'at')::bigint) THEN
            v_lines := array_append(v_lines, v_point || '{"invoice": null}');
        ELSIF NOT (v_point -> 'pending')::boolean THEN
            v_unpaid := array_append(v_unpaid, v_point);
        END IF;
    END LOOP;
    RETURN ARRAY(
        SELECT u.d
          FROM (SELECT l.d, l.place, 1 AS kind FROM unnest(v_lines) WITH ORDINALITY AS l (d, place)
                UNION ALL
                SELECT s.d, s.place, 2 FROM unnest(v_seen) WITH ORDINALITY AS s (d, place)
                 WHERE NOT EXISTS (SELECT FROM unnest(v_lines || v_unpaid) AS l (d)
                                    WHERE l.d -> 'price' = s.d -> 'price' AND l.d -> 'quantity' = s.d -> 'quantity')) AS u
         ORDER BY (u.d ->> 'at')::bigint, u.kind, u.place);
END
$$;
RESET ROLE;
