-- The ground that every later migration stands on: what is closed by default, where things live, and the helpers that
-- policies and functions share. Helpers that read tables are plpgsql, which resolves names when it runs, so they may
-- stand before the tables of the next migrations.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Deny first. The first statement must be global: limited to a schema it does nothing, because PUBLIC's right to execute
-- is a built-in default, not one of the schema's. The others take back what hosted Supabase grants in public, so that
-- each right exists only where a migration says so.
alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- public is the API; app holds what PostgREST must not show.
create schema app;
grant usage on schema app to authenticated;

create extension if not exists pgcrypto with schema extensions;
create extension if not exists btree_gist with schema extensions;
create extension if not exists pg_trgm with schema extensions;

-- Strongest first: role comparisons (role <= 'manager') rely on this order.
create type public.member_role as enum ('owner', 'admin', 'manager', 'member', 'viewer');
create type public.asset_section as enum ('planes', 'helicopters', 'residences', 'watercraft');
create type public.subscription_status as enum ('trial', 'active', 'past_due', 'canceled', 'complimentary');
create type public.reservation_status as enum (
    'hold', 'pending', 'approved', 'rejected', 'canceled', 'completed', 'expired', 'displaced'
);

-- Raises a business error: PostgREST answers with this status and this body. `details` travels as a string, because
-- PostgREST's error body has room for text only; the BFF decodes it.
create function app.fail(p_code text, p_message text, p_status integer, p_details jsonb default null)
returns void
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    raise sqlstate 'PGRST' using
        message = jsonb_build_object('code', p_code, 'message', p_message, 'details', p_details::text, 'hint', null)::text,
        detail = jsonb_build_object(
            'status', p_status,
            'headers', case when p_status = 503 then jsonb_build_object('Retry-After', '1') else '{}'::jsonb end
        )::text;
end;
$$;

-- RFC 3339 in UTC as the BFF prints it: no fraction when it is zero, else six digits. Without a SET clause and not strict,
-- so that queries see through it: a calendar prints thousands of times, and a call would cost five times as much.
create function app.utc(p_time timestamptz)
returns text
language sql
stable
parallel safe
as $$
    select to_char(
        p_time at time zone 'UTC',
        case when date_trunc('second', p_time) = p_time then 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
            else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end
    )
$$;

-- Trigger: the row's version counts its changes and is nobody's to choose. Name it so that it fires last.
create function app.touch()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    new.version := old.version + 1;
    return new;
end;
$$;

-- The organisations of the caller. Policies say `= any (array(select app.member_organizations()))`: one array for the
-- whole statement, which can be an index condition.
create function app.member_organizations()
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return query
        select m.organization_id
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        where m.user_id = auth.uid() and o.is_active and o.deleted_at is null;
end;
$$;
grant execute on function app.member_organizations() to authenticated;

-- The organisations in which the caller's role is at least this one.
create function app.organizations_as(p_min_role public.member_role)
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return query
        select m.organization_id
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        where m.user_id = auth.uid() and m.role <= p_min_role and o.is_active and o.deleted_at is null;
end;
$$;
grant execute on function app.organizations_as(public.member_role) to authenticated;

-- The caller's role, or null where the caller is no member or the organisation is closed.
create function app.member_role(p_organization_id uuid)
returns public.member_role
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return (
        select m.role
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        where m.organization_id = p_organization_id and m.user_id = auth.uid()
            and o.is_active and o.deleted_at is null
    );
end;
$$;
grant execute on function app.member_role(uuid) to authenticated;

-- What a member of this role and tier may see; null is every section. Without a tier, the default tier's word counts;
-- where the dashboard has made an organisation without one, nobody has said yes to anything.
create function app.sections_of(p_organization_id uuid, p_role public.member_role, p_tier_id uuid)
returns public.asset_section[]
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_sections public.asset_section[];
begin
    if p_role <= 'manager' then
        return null;
    end if;
    select t.sections into v_sections
    from public.tiers t
    where t.organization_id = p_organization_id
        and (t.id = p_tier_id or (p_tier_id is null and t.is_default));
    return case when found then v_sections else '{}' end;
end;
$$;

-- The sections that the caller may see there; null is every section, an empty array none (no member).
create function app.visible_sections(p_organization_id uuid)
returns public.asset_section[]
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_role public.member_role;
    v_tier_id uuid;
begin
    select m.role, m.tier_id into v_role, v_tier_id
    from public.organization_members m
    join public.organizations o on o.id = m.organization_id
    where m.organization_id = p_organization_id and m.user_id = auth.uid()
        and o.is_active and o.deleted_at is null;
    if not found then
        return '{}';
    end if;
    return app.sections_of(p_organization_id, v_role, v_tier_id);
end;
$$;
grant execute on function app.visible_sections(uuid) to authenticated;

-- The caller's organisations in which nothing is hidden by section: the cheap half of each section policy.
create function app.full_view_organizations()
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return query
        select m.organization_id
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        where m.user_id = auth.uid() and o.is_active and o.deleted_at is null
            and app.sections_of(m.organization_id, m.role, m.tier_id) is null;
end;
$$;
grant execute on function app.full_view_organizations() to authenticated;

-- The assets, deleted ones too, that the caller may see where the tier hides sections: the other half. A set, to be
-- hashed by `in (select …)`, because there may be thousands of them.
create function app.section_view_assets()
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return query
        select a.id
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        cross join lateral app.sections_of(m.organization_id, m.role, m.tier_id) as visible(sections)
        join public.assets a on a.organization_id = m.organization_id and a.section = any (visible.sections)
        where m.user_id = auth.uid() and o.is_active and o.deleted_at is null and visible.sections is not null;
end;
$$;
grant execute on function app.section_view_assets() to authenticated;

-- The caller's role, which must be at least this one. An organisation that one is not in does not exist: 404, not 403.
create function app.require_member(p_organization_id uuid, p_min_role public.member_role default 'viewer')
returns public.member_role
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.member_role(p_organization_id);
begin
    if auth.uid() is null then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    if v_role is null then
        perform app.fail('NOT_FOUND', 'There is no such organization.', 404);
    end if;
    if v_role > p_min_role then
        perform app.fail(
            'FORBIDDEN', format('This needs the role %s or above.', p_min_role), 403,
            jsonb_build_object('reason', 'role', 'required_role', p_min_role)
        );
    end if;
    return v_role;
end;
$$;

-- True, or MFA_REQUIRED: where the organisation demands it of everyone, and, for what is sensitive, of whoever has a
-- verified factor. Policies do not bind a definer function, so each of those that writes calls it. It says nothing about
-- organisations that the caller is not in; membership is the other checks' question.
create function app.require_aal2(p_organization_id uuid, p_sensitive boolean default false)
returns boolean
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_demanded boolean;
begin
    if coalesce(auth.jwt() ->> 'aal', 'aal1') = 'aal2' or app.member_role(p_organization_id) is null then
        return true;
    end if;
    select o.require_mfa into v_demanded from public.organizations o where o.id = p_organization_id;
    -- An Auth server without MFA has no such table, and nobody a factor.
    if not v_demanded and p_sensitive and to_regclass('auth.mfa_factors') is not null then
        v_demanded := exists (
            select from auth.mfa_factors f where f.user_id = auth.uid() and f.status::text = 'verified'
        );
    end if;
    if v_demanded then
        perform app.fail('MFA_REQUIRED', 'Confirm your second factor first.', 403);
    end if;
    return true;
end;
$$;
grant execute on function app.require_aal2(uuid, boolean) to authenticated;

-- One entry of a VALIDATION_ERROR's `fields`. Codes are pydantic's, so that a fault is called the same wherever found.
create function app.field_error(p_path text, p_code text, p_message text)
returns jsonb
language sql
stable
parallel safe
set search_path = ''
as $$
    select jsonb_build_object('path', p_path, 'code', p_code, 'message', p_message)
$$;

-- Raises VALIDATION_ERROR with these fields; an empty or null list passes, so that faults can be gathered first.
create function app.fail_fields(p_fields jsonb)
returns void
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    if jsonb_array_length(coalesce(p_fields, '[]')) > 0 then
        perform app.fail(
            'VALIDATION_ERROR', 'The input is not valid.', 400, jsonb_build_object('fields', p_fields)
        );
    end if;
end;
$$;

-- The faults of an object's keys: not an object, keys that nobody knows, required ones that are absent or null.
create function app.key_errors(p_object jsonb, p_allowed text[], p_required text[] default '{}', p_path text default null)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    if p_object is null or jsonb_typeof(p_object) <> 'object' then
        return jsonb_build_array(app.field_error(coalesce(p_path, ''), 'dict_type', 'An object is expected here.'));
    end if;
    return coalesce(
        (
            select jsonb_agg(app.field_error(concat_ws('.', p_path, fault.key), fault.code, fault.message) order by fault.key)
            from (
                select k.key, 'extra_forbidden' as code, 'There is no such field.' as message
                from jsonb_object_keys(p_object) as k(key)
                where k.key <> all (p_allowed)
                union all
                select r.key, 'missing', 'This field is required.'
                from unnest(p_required) as r(key)
                where coalesce(jsonb_typeof(p_object -> r.key), 'null') = 'null'
            ) fault
        ),
        '[]'
    );
end;
$$;

-- The faults of a text field that may be absent or null: not a string, blank, longer than p_max characters.
create function app.text_errors(p_object jsonb, p_key text, p_max integer, p_path text default null)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_path text := concat_ws('.', p_path, p_key);
    v_value jsonb := p_object -> p_key;
begin
    if coalesce(jsonb_typeof(v_value), 'null') = 'null' then
        return '[]';
    elsif jsonb_typeof(v_value) <> 'string' then
        return jsonb_build_array(app.field_error(v_path, 'string_type', 'Text is expected here.'));
    elsif v_value #>> '{}' !~ '\S' then
        return jsonb_build_array(app.field_error(v_path, 'string_too_short', 'This must not be blank.'));
    elsif length(v_value #>> '{}') > p_max then
        return jsonb_build_array(
            app.field_error(v_path, 'string_too_long', format('At most %s characters are allowed.', p_max))
        );
    end if;
    return '[]';
end;
$$;

-- Raises VALIDATION_ERROR for what app.key_errors finds: the strict-keys check of a patch that has no other faults.
create function app.check_keys(p_object jsonb, p_allowed text[], p_required text[] default '{}', p_path text default null)
returns void
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    perform app.fail_fields(app.key_errors(p_object, p_allowed, p_required, p_path));
end;
$$;

-- The IANA names, filled here: the view pg_timezone_names opens six hundred files each time it is read.
create table app.time_zones (
    name text primary key
);
alter table app.time_zones enable row level security;
insert into app.time_zones (name)
select n.name from pg_catalog.pg_timezone_names n where n.name !~ '^(posix/|right/|localtime$|posixrules$|Factory$)';

-- Whether this is the exact name of a zone. `at time zone` also takes abbreviations, other cases and POSIX rules, which
-- calendars elsewhere do not know. A name newer than the table is found the slow way.
create function app.is_time_zone(p_name text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return exists (select from app.time_zones z where z.name = p_name)
        or (
            p_name !~ '^(posix/|right/|localtime$|posixrules$|Factory$)'
            and exists (select from pg_catalog.pg_timezone_names n where n.name = p_name)
        );
end;
$$;
