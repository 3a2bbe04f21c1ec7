-- ledger.plan_version_at: the version of a plan that rules a period.
--   p_start, p_end   the period; it is ruled by what was in force when it began
--   Returns  the version with the newest valid_from that is not after p_start, of several of one moment the highest number.
--            If there is none, the plan was first described during the period or later: its first version if that is
--            before p_end, else NULL (no credits).
--   Errors   none; NULL for a plan that nobody has described
--   Source   docs/credits.md, "Plans"
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_version_at(p_plan_key text, p_start timestamptz, p_end timestamptz)
    RETURNS ledger.plan_version
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    v ledger.plan_version;
BEGIN
    SELECT * INTO v FROM ledger.plan_version AS n
     WHERE n.plan_key = p_plan_key AND n.valid_from <= p_start
     ORDER BY n.valid_from DESC, n.version DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT * INTO v FROM ledger.plan_version AS n
         WHERE n.plan_key = p_plan_key AND n.valid_from > p_start
         ORDER BY n.valid_from, n.version LIMIT 1;
        IF v.valid_from >= p_end THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN v;
END
$$;
RESET ROLE;
