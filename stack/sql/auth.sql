-- Completes schema auth after lite's own tables have been made: the claim readers as hosted Supabase has them, and
-- the grants of the developer's role.

-- lite replaces these four with readers of request.jwt.claim.* only, at each of its starts, if it owns them; owned by
-- the superuser they stay. The older single-claim setting wins, as on hosted.
create or replace function auth.uid() returns uuid language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    )
$$;
create or replace function auth.email() returns text language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
    )
$$;
create or replace function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
alter function auth.uid() owner to supabase_admin;
alter function auth.role() owner to supabase_admin;
alter function auth.email() owner to supabase_admin;
alter function auth.jwt() owner to supabase_admin;

do $$
declare
    relation regclass;
begin
    for relation in select oid from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r' loop
        execute format('alter table %s owner to supabase_auth_admin', relation);
    end loop;
end
$$;

grant execute on all functions in schema auth to postgres, dashboard_user, supabase_auth_admin, supabase_realtime_admin;

grant all on all tables in schema auth to postgres, dashboard_user, supabase_auth_admin;
grant select on all tables in schema auth to postgres with grant option;
grant all on all sequences in schema auth to postgres, dashboard_user, supabase_auth_admin;

-- lite stores what should be a JSON object as a JSON string that holds one. Triggers of migrations (a profile from the
-- metadata of a sign-up) and everything else that reads these columns would find no key in it.
create function auth.unwrap_lite_user() returns trigger language plpgsql as $$
begin
    if jsonb_typeof(new.raw_app_meta_data) = 'string' then
        new.raw_app_meta_data := (new.raw_app_meta_data #>> '{}')::jsonb;
    end if;
    if jsonb_typeof(new.raw_user_meta_data) = 'string' then
        new.raw_user_meta_data := (new.raw_user_meta_data #>> '{}')::jsonb;
    end if;
    return new;
end
$$;
create trigger unwrap_lite_json before insert or update on auth.users
for each row execute function auth.unwrap_lite_user();

create function auth.unwrap_lite_identity() returns trigger language plpgsql as $$
begin
    if jsonb_typeof(new.identity_data) = 'string' then
        new.identity_data := (new.identity_data #>> '{}')::jsonb;
    end if;
    return new;
end
$$;
create trigger unwrap_lite_json before insert or update on auth.identities
for each row execute function auth.unwrap_lite_identity();
