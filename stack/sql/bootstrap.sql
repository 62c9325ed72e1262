-- What every hosted Supabase project has before its first migration: roles, schemas, grants, default privileges.
-- Runs once, as the superuser supabase_admin, in a database that is empty but for initdb's own objects.

-- The API's three roles, and the roles that Supabase's services log in with. ------------------------------------
create role anon nologin inherit;
create role authenticated nologin inherit;
create role service_role nologin inherit bypassrls;

create role authenticator login noinherit password 'postgres';
grant anon, authenticated, service_role to authenticator;

-- Not a superuser, as on hosted Supabase: a superuser would hide what fails there.
create role postgres login createdb createrole replication bypassrls password 'postgres';
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

create role dashboard_user nologin createdb createrole replication;
create role supabase_auth_admin login noinherit createrole password 'postgres';
create role supabase_realtime_admin login noinherit createrole replication password 'postgres';
grant anon, authenticated, service_role to supabase_realtime_admin;

-- lite's own login; hosted Supabase has no such role. lite must never log in as the owner of our tables: for each
-- schema in which some table has row level security it runs "grant all on all tables to anon, authenticated,
-- service_role", which would undo every revoke of our migrations. This role owns nothing there, so that the same
-- statements grant nothing; reading everything turns their error into a warning, and its service finds the tables.
create role supabase_lite login inherit password 'postgres';
grant anon, authenticated, service_role to supabase_lite with inherit false;
grant supabase_auth_admin to supabase_lite with inherit true;
grant pg_read_all_data to supabase_lite;

-- Limits as on hosted; lite does not read those of the role it changes to, so its own login has the longest.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role supabase_lite set statement_timeout = '8s';
-- Its log would be nothing but notices of what is there already.
alter role supabase_lite set client_min_messages = error;
alter role supabase_lite set lock_timeout = '8s';

alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role supabase_lite set search_path = "$user", public, extensions;
alter role supabase_auth_admin set search_path = auth;
alter role supabase_realtime_admin set search_path = public, extensions, realtime;

-- The database belongs to postgres, and with it, through pg_database_owner, the schema public.
do $$
begin
    execute format('alter database %I owner to postgres', current_database());
    execute format('grant all on database %I to postgres, dashboard_user', current_database());
end
$$;

-- Schemas. ------------------------------------------------------------------------------------------------------
create schema extensions;
create extension pgcrypto with schema extensions;
create extension "uuid-ossp" with schema extensions;
create extension pg_stat_statements with schema extensions;
grant usage on schema extensions to anon, authenticated, service_role, supabase_realtime_admin;
grant all on schema extensions to postgres, dashboard_user;
grant all on all tables in schema extensions to postgres, dashboard_user;
grant all on all routines in schema extensions to postgres, dashboard_user;

-- postgres may put triggers and references on the tables of auth and realtime, but creates nothing there.
create schema auth;
grant all on schema auth to supabase_auth_admin, dashboard_user;
grant usage on schema auth to postgres, anon, authenticated, service_role, supabase_realtime_admin;

create schema realtime;
grant usage on schema realtime to anon, authenticated, service_role;
grant usage on schema realtime to postgres with grant option;
grant all on schema realtime to supabase_realtime_admin with grant option;

-- public is the API: whatever postgres creates there is granted to the API's roles, as on hosted. Migrations that
-- want it otherwise must revoke, and are tested here against the same generous start.
grant usage on schema public to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public
    grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
    grant all on functions to postgres, anon, authenticated, service_role;

-- The list of tables that "postgres_changes" listens to; empty until a migration adds to it.
create publication supabase_realtime;
alter publication supabase_realtime owner to postgres;
