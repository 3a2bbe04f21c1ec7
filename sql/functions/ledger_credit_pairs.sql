-- ledger.credit_pairs: which lots pass how much to which, so that every one's total changes as it should.
--   p_give, p_gave   per place: what a lot shall pass on more (negative: less) than now, and what it passes on now
--   p_get, p_got     the same of what lots shall get
--   p_into           per giver, the only place it may pass to; NULL: any. Kept as long as the sums allow it.
--   Returns          pairs in the order in which to book them, what goes back (negative) first
--   Both sides change by the same sum, so a pair can be found for everything; which one is a matter of bookkeeping only.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.credit_pairs(p_give bigint[], p_gave bigint[], p_get bigint[], p_got bigint[], p_into integer[])
    RETURNS TABLE (giver integer, getter integer, amount bigint)
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_pass integer;
    v_strict boolean;
BEGIN
    -- 1 both less; 2 the giver less, from a getter that then misses it; 3 the getter less, likewise; 4 both more
    FOR v_pass IN 1 .. 4 LOOP
        FOREACH v_strict IN ARRAY ARRAY[true, false] LOOP
            FOR v_giver IN 1 .. cardinality(p_give) LOOP
                CONTINUE WHEN CASE v_pass WHEN 3 THEN p_gave[v_giver] = 0 WHEN 4 THEN p_give[v_giver] <= 0 ELSE p_give[v_giver] >= 0 END;
                FOR v_getter IN 1 .. cardinality(p_get) LOOP
                    CONTINUE WHEN v_strict AND v_getter <> p_into[v_giver];
                    amount := CASE v_pass WHEN 1 THEN least(-p_give[v_giver], -p_get[v_getter], p_got[v_getter])
                                          WHEN 2 THEN least(-p_give[v_giver], p_got[v_getter])
                                          WHEN 3 THEN least(-p_get[v_getter], p_gave[v_giver])
                                          ELSE least(p_give[v_giver], p_get[v_getter]) END;
                    CONTINUE WHEN amount <= 0;
                    IF v_pass < 4 THEN
                        amount := -amount;
                    END IF;
                    p_give[v_giver] := p_give[v_giver] - amount;
                    p_gave[v_giver] := p_gave[v_giver] + amount;
                    p_get[v_getter] := p_get[v_getter] - amount;
                    p_got[v_getter] := p_got[v_getter] + amount;
                    giver := v_giver;
                    getter := v_getter;
                    RETURN NEXT;
                END LOOP;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;
RESET ROLE;
