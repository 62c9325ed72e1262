-- Takes back 20261122000100_foundation.sql.
-- Loses: app.time_zones (the names of time zones, which the migration fills again).
-- Keeps: extensions that something else uses, or that are somebody else's. What is created in public from now on is granted
-- to the API's roles again, as hosted Supabase has it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.is_time_zone(text);

drop table app.time_zones;

drop function app.check_keys(jsonb, text[], text[], text);
drop function app.text_errors(jsonb, text, integer, text);
drop function app.key_errors(jsonb, text[], text[], text);
drop function app.fail_fields(jsonb);
drop function app.field_error(text, text, text);
drop function app.require_aal2(uuid, boolean);
drop function app.require_member(uuid, public.member_role);
drop function app.section_view_assets();
drop function app.full_view_organizations();
drop function app.visible_sections(uuid);
drop function app.sections_of(uuid, public.member_role, uuid);
drop function app.member_role(uuid);
drop function app.organizations_as(public.member_role);
drop function app.member_organizations();
drop function app.utc(timestamptz);
drop function app.fail(text, text, integer, jsonb);

drop type public.reservation_status;
drop type public.subscription_status;
drop type public.asset_section;
drop type public.member_role;

drop function app.touch();

do $$
begin
    drop extension btree_gist;
exception
    when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'extension btree_gist stays: it is in use, or not ours';
end;
$$;

do $$
begin
    drop extension pg_trgm;
exception
    when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'extension pg_trgm stays: it is in use, or not ours';
end;
$$;

drop schema app;

-- As hosted Supabase has it.
alter default privileges grant execute on functions to public;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
