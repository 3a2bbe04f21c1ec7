-- Why    Roles that say who may do what, and the schemas, owned by a role that nobody logs in as.
--        Logins are the deployer's: GRANT instep_worker TO my_worker_login, and so on.
-- Locks  none that anybody waits for.
-- Undo   DROP SCHEMA ledger, ops, stripe, dashboard CASCADE; DROP ROLE the five roles.

DO $$
DECLARE
    v_role text;
BEGIN
    -- Roles belong to the whole server: another database of the same server may have made them already.
    FOREACH v_role IN ARRAY ARRAY['instep_owner', 'instep_worker', 'instep_reader', 'instep_operator', 'instep_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = v_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by somebody else at this moment
            END;
        END IF;
    END LOOP;
    -- Who migrates acts as the owner. Tried rather than looked up: what membership permits differs between versions.
    BEGIN
        SET LOCAL ROLE instep_owner;
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege THEN
        EXECUTE format('GRANT instep_owner TO %I', current_user);
    END;
END
$$;

CREATE SCHEMA IF NOT EXISTS ledger;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS stripe;
CREATE SCHEMA IF NOT EXISTS dashboard;
ALTER SCHEMA ledger OWNER TO instep_owner;
ALTER SCHEMA ops OWNER TO instep_owner;
ALTER SCHEMA stripe OWNER TO instep_owner;
ALTER SCHEMA dashboard OWNER TO instep_owner;

COMMENT ON SCHEMA ledger IS 'The truth: customers, subscriptions, journal, sales, entitlements.';
COMMENT ON SCHEMA ops IS 'How the truth came about: events, turns, dead letters.';
COMMENT ON SCHEMA stripe IS 'Readers of the shapes of Stripe objects, one per fact.';
COMMENT ON SCHEMA dashboard IS 'Views for readers; their columns are a promise.';

-- Before the first function exists: nobody may execute what is not granted by name.
ALTER DEFAULT PRIVILEGES FOR ROLE instep_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE instep_owner REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE instep_owner REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE instep_owner REVOKE ALL ON TYPES FROM PUBLIC;
REVOKE ALL ON SCHEMA ledger, ops, stripe, dashboard FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- The same for what the migrating role creates without becoming the owner first.
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM PUBLIC;
-- Nobody needs temporary objects here, and what cannot be made cannot stand in for something else. Takes the owner of
-- the database or a superuser; Postgres warns others that it did nothing.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

GRANT USAGE ON SCHEMA ops, ledger TO instep_worker;
GRANT USAGE ON SCHEMA ops TO instep_operator;
GRANT USAGE ON SCHEMA dashboard TO instep_reader;
GRANT USAGE ON SCHEMA ledger TO instep_app;
