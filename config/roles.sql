-- The two roles of a PostgreSQL server (15 or later) that Mingzhang uses. Run it once per server, as often as you like, as an
-- administrator: psql -v ON_ERROR_STOP=1 -f config/roles.sql. The embedded server runs it by itself.
--
--   app     logs in, owns the database and its tables. Never a superuser: no row-level policy binds a superuser.
--           CREATEDB is needed by the tests only. Give it a password with: ALTER ROLE app PASSWORD '...'
--   tenant  cannot log in. A customer's page switches to it for one transaction; the policies are written for it.
--
-- Afterwards, where there is no database yet: CREATE DATABASE app OWNER app;

DO $roles$
BEGIN
    -- Roles belong to the server. Two sessions that run this in one database at one moment wait for each other here.
    PERFORM pg_advisory_xact_lock(hashtext('mingzhang roles'));
    PERFORM set_config('client_min_messages', 'warning', true); -- a second GRANT is no news

    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        CREATE ROLE app LOGIN CREATEDB;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenant') THEN
        CREATE ROLE tenant NOLOGIN;
    END IF;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname IN ('app', 'tenant') AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'The role app or tenant passes every row-level policy (SUPERUSER or BYPASSRLS).'
            USING HINT = 'Take the attribute away: ALTER ROLE app NOSUPERUSER NOBYPASSRLS;';
    END IF;

    -- app may become tenant, and is not tenant unless it says so. The two can be told apart since PostgreSQL 16 only.
    IF current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT tenant TO app WITH INHERIT FALSE, SET TRUE';
    ELSE
        EXECUTE 'GRANT tenant TO app';
    END IF;
END
$roles$;
