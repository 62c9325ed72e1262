-- What an asset and its photos must be, told field by field. The tables' constraints stay the law; a direct write that
-- broke one would get a bare SQLSTATE for an answer.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The faults of one text column; p_max in characters.
create function app.column_errors(p_path text, p_value text, p_max integer, p_may_be_blank boolean default true)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case
        when not p_may_be_blank and p_value !~ '\S'
            then jsonb_build_array(app.field_error(
                p_path, 'string_too_short', 'This must not be blank.', '{"min_length": 1}'
            ))
        when length(p_value) > p_max
            then jsonb_build_array(app.field_error(
                p_path, 'string_too_long', format('At most %s characters are allowed.', p_max),
                jsonb_build_object('max_length', p_max)
            ))
        else '[]'
    end
$$;

create function app.url_errors(p_path text, p_value text)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select app.column_errors(p_path, p_value, 2048) || case
        when p_value !~ '^https?://'
            then jsonb_build_array(app.field_error(
                p_path, 'value_error', 'This must be an http or https address.', '{"format": "url"}'
            ))
        else '[]'
    end
$$;

-- The faults of a column that holds an object; p_max in bytes, as the tables' checks count them.
create function app.object_errors(p_path text, p_value jsonb, p_max integer)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case
        when jsonb_typeof(p_value) <> 'object'
            then jsonb_build_array(app.field_error(p_path, 'dict_type', 'An object is expected here.'))
        when octet_length(p_value::text) > p_max
            then jsonb_build_array(app.field_error(
                p_path, 'too_large', format('At most %s bytes are allowed.', p_max), jsonb_build_object('max_bytes', p_max)
            ))
        else '[]'
    end
$$;

create function app.between_errors(p_path text, p_value integer, p_min integer, p_max integer)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case
        when p_value not between p_min and p_max
            then jsonb_build_array(app.field_error(
                p_path, 'out_of_range', format('This must be between %s and %s.', p_min, p_max),
                jsonb_build_object('min', p_min, 'max', p_max)
            ))
        else '[]'
    end
$$;

-- All faults of an asset at once.
create function app.asset_errors(p_asset public.assets)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_errors jsonb;
    v_path text;
begin
    select coalesce(jsonb_agg(app.field_error(required.path, 'missing', 'This field is required.')), '[]')
    into v_errors
    from (
        values
            ('organization_id', p_asset.organization_id is null), ('section', p_asset.section is null),
            ('name', p_asset.name is null), ('details', p_asset.details is null),
            ('timezone', p_asset.timezone is null), ('turnaround_minutes', p_asset.turnaround_minutes is null),
            ('is_active', p_asset.is_active is null)
    ) as required(path, is_absent)
    where required.is_absent;
    v_errors := v_errors
        || app.column_errors('name', p_asset.name, 200, false)
        || app.column_errors('description', p_asset.description, 2000)
        || app.object_errors('details', p_asset.details, 16384)
        || app.object_errors('current_location', p_asset.current_location, 4096)
        || app.between_errors('turnaround_minutes', p_asset.turnaround_minutes, 0, 10080)
        || app.between_errors('capacity', p_asset.capacity, 1, 10000)
        || app.url_errors('primary_photo_url', p_asset.primary_photo_url);
    if p_asset.section <> 'residences' then
        foreach v_path in array array_remove(
            array[
                case when p_asset.check_in is not null then 'check_in' end,
                case when p_asset.check_out is not null then 'check_out' end
            ], null
        ) loop
            v_errors := v_errors || app.field_error(
                v_path, 'residences_only', 'Only residences have times of check-in and check-out.'
            );
        end loop;
    end if;
    if not app.is_time_zone(p_asset.timezone) then
        v_errors := v_errors || app.field_error(
            'timezone', 'value_error', 'This must be the name of an IANA time zone.', '{"format": "time_zone"}'
        );
    end if;
    return v_errors;
end;
$$;

-- Trigger: before the table's checks, which speak before any trigger that fires after. It tells strangers nothing, for
-- it looks at nothing but what they sent. A definer, because app.is_time_zone is not for everyone to call.
create function app.check_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.fail_fields(app.asset_errors(new));
    return new;
end;
$$;
create trigger fields_are_valid before insert or update on public.assets
for each row execute function app.check_asset();
-- The same question, asked once.
drop trigger time_zone_exists on public.assets;

-- A photo lies in Storage, below its asset's folder of the bucket asset-photos, or, as the platform's older ones do,
-- somewhere on the web.
-- squawk-ignore ban-drop-not-null
alter table public.asset_photos alter column url drop not null;
alter table public.asset_photos add column path text;
-- The table is small, and whatever is there has an address and no path.
-- squawk-ignore constraint-missing-not-valid
alter table public.asset_photos add constraint asset_photos_one_source check ((path is null) <> (url is null));
-- squawk-ignore constraint-missing-not-valid
alter table public.asset_photos add constraint asset_photos_path_of_asset check (
    starts_with(path, organization_id::text || '/' || asset_id::text || '/')
    and path ~ '^[^/]+/[^/]+/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$'
);
-- squawk-ignore disallowed-unique-constraint, constraint-missing-not-valid
alter table public.asset_photos add constraint asset_photos_path_key unique (path);
grant insert (path) on public.asset_photos to authenticated;

-- Whether a file lies there. Where there is no Storage, nothing does.
create function app.photo_is_stored(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    -- A statement of its own: the next one cannot even be read where the table is missing.
    if to_regclass('storage.objects') is null then
        return false;
    end if;
    return exists (select from storage.objects o where o.bucket_id = 'asset-photos' and o.name = p_path);
end;
$$;

-- Trigger: as app.check_asset.
create function app.check_photo()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_errors jsonb := app.url_errors('url', new.url) || app.column_errors('caption', new.caption, 500)
        || app.between_errors('display_order', new.display_order, 0, 1000000);
begin
    if (new.path is null) = (new.url is null) then
        v_errors := v_errors || app.field_error('path', 'missing', 'Either a path or an address is expected.');
    elsif new.path !~ ('^' || new.organization_id || '/' || new.asset_id || '/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$') then
        v_errors := v_errors || app.field_error('path', 'not_of_asset', 'This is no path below the folder of the asset.');
    end if;
    if exists (select from public.asset_photos p where p.path = new.path and p.id <> new.id) then
        v_errors := v_errors || app.field_error('path', 'repeated', 'This photo is registered already.');
    end if;
    perform app.fail_fields(v_errors);
    return new;
end;
$$;
create trigger fields_are_valid before insert or update on public.asset_photos
for each row execute function app.check_photo();

-- Trigger: after row level security has spoken, and before the keys, whose triggers are named RI_ and fire in the order of
-- names: hence its own.
create function app.check_photo_source()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select from public.assets a where a.id = new.asset_id and a.organization_id = new.organization_id
    ) then
        perform app.fail_fields(jsonb_build_array(
            app.field_error('asset_id', 'not_found', 'There is no such asset in this organization.')
        ));
    end if;
    if new.path is not null and not app.photo_is_stored(new.path) then
        perform app.fail_fields(jsonb_build_array(app.field_error('path', 'not_found', 'Nothing was uploaded there.')));
    end if;
    return null;
end;
$$;
create trigger "0_source_exists" after insert or update of asset_id, organization_id, path on public.asset_photos
for each row execute function app.check_photo_source();
