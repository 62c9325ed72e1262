-- One profile for each user of Supabase Auth: made at sign-up, following the address there, gone with the user.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.profiles (
    id uuid primary key references auth.users (id) on delete cascade,
    -- Auth's own, mirrored. Not unique: two single sign-on users may share one address, and neither may fail to sign up.
    email text,
    first_name text check (length(first_name) <= 100),
    last_name text check (length(last_name) <= 100),
    phone text check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    avatar_url text check (avatar_url ~ '^https?://' and length(avatar_url) <= 2048),
    timezone text not null default 'America/Panama',
    locale text not null default 'es' check (locale in ('en', 'es')),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
alter table public.profiles enable row level security;

-- Others' names come from member_directory(), their addresses too for those who may have them: rows cannot hide columns.
create policy "people read their own profile"
on public.profiles for select to authenticated
using (id = (select auth.uid()));

create policy "people change their own profile"
on public.profiles for update to authenticated
using (id = (select auth.uid()))
with check (id = (select auth.uid()));

grant select on public.profiles to authenticated;
grant update (first_name, last_name, phone, avatar_url, timezone, locale) on public.profiles to authenticated;
grant select, insert, update, delete on public.profiles to service_role;

create trigger zz_touch before update on public.profiles
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Trigger of tables with a time zone. An AFTER trigger, so that row level security has spoken first.
create function app.check_time_zone()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not app.is_time_zone(new.timezone) then
        perform app.fail_fields(jsonb_build_array(
            app.field_error('timezone', 'value_error', 'This must be the name of an IANA time zone.')
        ));
    end if;
    return null;
end;
$$;

create trigger time_zone_exists after insert or update of timezone on public.profiles
for each row execute function app.check_time_zone();

-- Trigger on sign-up. Metadata is whatever the client sent: what does not fit is left out, for a failure here would fail
-- the sign-up itself.
create function app.profile_new_user()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_meta jsonb := coalesce(new.raw_user_meta_data, '{}');
    v_phone text := v_meta ->> 'phone';
    v_avatar text := v_meta ->> 'avatar_url';
    v_timezone text := v_meta ->> 'timezone';
    v_locale text := v_meta ->> 'locale';
begin
    insert into public.profiles (id, email, first_name, last_name, phone, avatar_url, timezone, locale)
    values (
        new.id,
        new.email,
        nullif(left(btrim(v_meta ->> 'first_name'), 100), ''),
        nullif(left(btrim(v_meta ->> 'last_name'), 100), ''),
        case when v_phone ~ '^\+[1-9][0-9]{6,14}$' then v_phone end,
        case when v_avatar ~ '^https?://' and length(v_avatar) <= 2048 then v_avatar end,
        case when app.is_time_zone(v_timezone) then v_timezone else 'America/Panama' end,
        case when v_locale in ('en', 'es') then v_locale else 'es' end
    )
    on conflict (id) do nothing;
    return null;
end;
$$;

create trigger profile_new_user after insert on auth.users
for each row execute function app.profile_new_user();

create function app.follow_email()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.profiles set email = new.email where id = new.id;
    return null;
end;
$$;

create trigger follow_email after update of email on auth.users
for each row when (old.email is distinct from new.email) execute function app.follow_email();

-- Users from before this migration.
insert into public.profiles (id, email, first_name, last_name)
select
    u.id, u.email,
    nullif(left(btrim(u.raw_user_meta_data ->> 'first_name'), 100), ''),
    nullif(left(btrim(u.raw_user_meta_data ->> 'last_name'), 100), '')
from auth.users u;
