-- ops.pin_mode: a ledger belongs to one mode for ever; the first turn says which.
--   Errors   IS003 the other mode, or none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ops.pin_mode(p_mode text) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_mode text := (SELECT d.mode FROM ops.deployment AS d);
BEGIN
    IF v_mode IS NULL AND p_mode IN ('live', 'test') THEN
        INSERT INTO ops.deployment (mode) VALUES (p_mode) ON CONFLICT (only_row) DO NOTHING;
        v_mode := (SELECT d.mode FROM ops.deployment AS d);
    END IF;
    IF v_mode IS DISTINCT FROM p_mode THEN
        RAISE EXCEPTION 'this ledger is %, the turn is %', coalesce(v_mode, 'unpinned'), coalesce(p_mode, 'without mode')
            USING ERRCODE = 'IS003';
    END IF;
END
$$;
RESET ROLE;
