-- What an operator can switch off without a deploy, for everyone or for one organisation; docs/flags.md.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A type, so that no row and no function can name a feature that there is not. bff/flags.py says what each means.
create type app.feature as enum ('displacement', 'waitlist', 'bulk_assets', 'calendar_stream');

-- Edited in the dashboard. What has no row is on.
create table app.feature_flags (
    id uuid primary key default gen_random_uuid(),
    feature app.feature not null,
    organization_id uuid references public.organizations (id) on delete cascade,
    enabled boolean not null,
    reason text check (length(reason) <= 500),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique nulls not distinct (feature, organization_id)
);
alter table app.feature_flags enable row level security;
-- For the foreign key: deleting an organisation looks for its rows.
create index feature_flags_organization_id on app.feature_flags (organization_id);

comment on table app.feature_flags is
    'Features that are switched off, or on again, from the next statement on. No row: on. See docs/flags.md.';
comment on column app.feature_flags.organization_id is
    'Whose feature it is; empty is everyone''s. An organisation''s row wins over everyone''s.';
comment on column app.feature_flags.reason is 'Why, for the next operator; nobody else is shown it.';

create trigger zz_touch before update on app.feature_flags
for each row when (old.* is distinct from new.*) execute function app.touch();

-- What is switched off where a request comes from: the BFF's FEATURES_OFF, names with commas between. Whoever sends such a
-- header to PostgREST takes from themselves only.
create function app.features_off()
returns text[]
language sql
stable
parallel safe
set search_path = ''
as $$
    select coalesce(
        string_to_array(nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-features-off', ','), '{}'
    )
$$;

-- Whether the organisation has the feature now. Asked in place, by the function that does the thing.
create function app.feature_enabled(p_feature app.feature, p_organization_id uuid)
returns boolean
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return p_feature::text <> all (app.features_off()) and coalesce(
        (
            select f.enabled
            from app.feature_flags f
            where f.feature = p_feature
                and (f.organization_id = p_organization_id or f.organization_id is null)
            order by f.organization_id nulls last
            limit 1
        ),
        true
    );
end;
$$;

-- Raises FEATURE_DISABLED where the organisation does not have it. 403, not 503: to try again soon is of no use, and no
-- proxy or client is to do it by itself.
create function app.require_feature(p_feature app.feature, p_organization_id uuid)
returns void
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    if not app.feature_enabled(p_feature, p_organization_id) then
        perform app.fail(
            'FEATURE_DISABLED', 'This is switched off at present.', 403, jsonb_build_object('feature', p_feature)
        );
    end if;
end;
$$;

-- Every feature by name, and whether the organisation has it: what an app shows and hides.
create function app.features_json(p_organization_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_object_agg(name, app.feature_enabled(name, p_organization_id))
    from unnest(enum_range(null::app.feature)) as name
$$;
