-- ledger.lock_users: make sure that these users exist, and lock their rows in ascending order. NULLs are skipped.
--   Locks   ledger.app_user FOR NO KEY UPDATE: writers of the same user's other customers wait, references do not
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.lock_users(p_users text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO ledger.app_user (id)
    SELECT DISTINCT u.id COLLATE "C" FROM unnest(p_users) AS u (id)
     WHERE u.id IS NOT NULL AND NOT EXISTS (SELECT FROM ledger.app_user AS a WHERE a.id = u.id)
     ORDER BY 1
    ON CONFLICT (id) DO NOTHING;
    PERFORM a.id FROM ledger.app_user AS a WHERE a.id = ANY (p_users) ORDER BY a.id COLLATE "C" FOR NO KEY UPDATE;
END
$$;
RESET ROLE;
