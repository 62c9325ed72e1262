-- What a booking must be, and who may make or change it: the checks that creating and changing share.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The asset, if the caller may book it now: a member or above, of whose tier it is visible, in service, paid for.
create function app.bookable_asset(p_asset_id uuid)
returns public.assets
language plpgsql
set search_path = ''
as $$
declare
    v_asset public.assets := app.visible_asset(p_asset_id);
begin
    perform app.require_member(v_asset.organization_id, 'member');
    perform app.require_aal2(v_asset.organization_id);
    if not exists (
        select from public.entitlements e
        where e.organization_id = v_asset.organization_id and e.section = v_asset.section and e.is_active
    ) then
        perform app.fail(
            'FORBIDDEN', format('The subscription does not include %s.', v_asset.section), 403,
            jsonb_build_object('reason', 'section_not_entitled', 'section', v_asset.section)
        );
    end if;
    if not v_asset.is_active then
        perform app.fail(
            'INVALID_STATE', 'The asset is out of service.', 409, jsonb_build_object('reason', 'asset_inactive')
        );
    end if;
    return v_asset;
end;
$$;

-- The reservation, if the caller may see it; else there is none. The same rule as the policy of the table.
create function app.visible_reservation(p_reservation_id uuid)
returns public.reservations
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.reservations;
    v_section public.asset_section;
    v_sections public.asset_section[];
begin
    if auth.uid() is null then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    select * into v_row from public.reservations r where r.id = p_reservation_id;
    select a.section into v_section from public.assets a where a.id = v_row.asset_id;
    v_sections := app.visible_sections(v_row.organization_id);
    if v_row.id is null
        or (v_sections is not null and v_section <> all (v_sections))
        or (v_row.status = 'hold' and v_row.user_id is distinct from auth.uid())
    then
        perform app.fail('NOT_FOUND', 'There is no such reservation.', 404);
    end if;
    return v_row;
end;
$$;

-- The reservation, if the caller may change it: one's own, or anyone's for managers and above.
create function app.changeable_reservation(p_reservation_id uuid)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations := app.visible_reservation(p_reservation_id);
begin
    perform app.require_member(
        v_row.organization_id,
        case when v_row.user_id = auth.uid() then 'member' else 'manager' end::public.member_role
    );
    perform app.require_aal2(v_row.organization_id);
    return v_row;
end;
$$;

create function app.guest_errors(p_guests jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_guest record;
    v_path text;
begin
    if coalesce(jsonb_typeof(p_guests), 'null') = 'null' then
        return '[]';
    elsif jsonb_typeof(p_guests) <> 'array' then
        return jsonb_build_array(app.field_error('guests', 'list_type', 'A list is expected here.'));
    elsif jsonb_array_length(p_guests) > 50 then
        return jsonb_build_array(app.field_error('guests', 'too_long', 'At most 50 guests are allowed.'));
    end if;
    for v_guest in select g.value, g.ordinality - 1 as place from jsonb_array_elements(p_guests) with ordinality as g loop
        v_path := 'guests.' || v_guest.place;
        v_errors := v_errors || app.key_errors(v_guest.value, '{name,email}', '{name}', v_path);
        if jsonb_typeof(v_guest.value) = 'object' then
            v_errors := v_errors || app.text_errors(v_guest.value, 'name', 100, v_path)
                || app.text_errors(v_guest.value, 'email', 254, v_path);
            if v_guest.value ->> 'email' !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
                v_errors := v_errors || app.field_error(v_path || '.email', 'value_error', 'This is no email address.');
            end if;
        end if;
    end loop;
    return v_errors;
end;
$$;

-- All faults of what a booking shall be, at once. p_earliest: the earliest start, null where the start stands already.
create function app.booking_errors(
    p_title text, p_start timestamptz, p_end timestamptz, p_guest_count integer, p_notes text, p_metadata jsonb,
    p_guests jsonb, p_capacity integer, p_earliest timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_texts jsonb := jsonb_build_object('title', p_title, 'notes', nullif(btrim(p_notes), ''));
    v_errors jsonb := app.key_errors(v_texts, '{title,notes}', '{title}') || app.text_errors(v_texts, 'title', 200)
        || app.text_errors(v_texts, 'notes', 2000);
    v_range_errors jsonb := app.range_errors(p_start, p_end);
    v_people integer := greatest(
        p_guest_count, case when jsonb_typeof(p_guests) = 'array' then jsonb_array_length(p_guests) end
    );
begin
    v_errors := v_errors || v_range_errors;
    if v_range_errors = '[]' then
        if p_start < p_earliest then
            v_errors := v_errors || app.field_error('start_date', 'datetime_future', 'A booking cannot begin in the past.');
        elsif p_end <= now() then
            v_errors := v_errors || app.field_error('end_date', 'datetime_future', 'A booking cannot end in the past.');
        end if;
        if p_end - p_start < interval '1 minute' then
            v_errors := v_errors || app.field_error('end_date', 'range_too_short', 'A booking takes a minute at least.');
        elsif p_end - p_start > interval '366 days' then
            v_errors := v_errors || app.field_error('end_date', 'range_too_long', 'A booking takes 366 days at most.');
        end if;
    end if;
    if p_guest_count not between 0 and 10000 then
        v_errors := v_errors || app.field_error('guest_count', 'out_of_range', 'This must be between 0 and 10000.');
    elsif v_people > p_capacity then
        v_errors := v_errors || app.field_error(
            'guest_count', 'over_capacity', format('The asset takes %s people at most.', p_capacity)
        );
    end if;
    if coalesce(jsonb_typeof(p_metadata), 'null') not in ('object', 'null') then
        v_errors := v_errors || app.field_error('metadata', 'dict_type', 'An object is expected here.');
    elsif octet_length(p_metadata::text) > 16384 then
        v_errors := v_errors || app.field_error('metadata', 'too_long', 'At most 16 KB are allowed.');
    end if;
    return v_errors || app.guest_errors(p_guests);
end;
$$;

-- RFC 3339 with an offset, or null. A cast alone would also take 'tomorrow', 'infinity' and times without a zone.
create function app.parse_time(p_text text)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_text ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)$' then
        return p_text::timestamptz;
    end if;
    return null;
exception
    when datetime_field_overflow or invalid_datetime_format or invalid_time_zone_displacement_value then
        return null;
end;
$$;

-- The asset that a patch moves a booking to, if it names one that can be read.
create function app.patched_asset_id(p_changes jsonb)
returns uuid
language sql
immutable
set search_path = ''
as $$
    select case
        when p_changes ->> 'asset_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (p_changes ->> 'asset_id')::uuid
    end
$$;

-- The faults of a patch's own shape: unknown keys, wrong types, values that cannot be read.
create function app.patch_errors(p_changes jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := app.key_errors(
        p_changes, '{asset_id,title,start_date,end_date,guest_count,notes,metadata,guests}'
    );
    v_key text;
begin
    if jsonb_typeof(p_changes) is distinct from 'object' then
        return v_errors;
    end if;
    foreach v_key in array array['start_date', 'end_date'] loop
        if p_changes ? v_key and (
            jsonb_typeof(p_changes -> v_key) <> 'string' or app.parse_time(p_changes ->> v_key) is null
        ) then
            v_errors := v_errors || app.field_error(v_key, 'datetime_parsing', 'A time with its offset is expected here.');
        end if;
    end loop;
    foreach v_key in array array['title', 'notes'] loop
        if jsonb_typeof(p_changes -> v_key) not in ('string', 'null') then
            v_errors := v_errors || app.field_error(v_key, 'string_type', 'Text is expected here.');
        end if;
    end loop;
    if p_changes ? 'asset_id' and app.patched_asset_id(p_changes) is null then
        v_errors := v_errors || app.field_error('asset_id', 'uuid_parsing', 'An id is expected here.');
    end if;
    if p_changes ? 'guest_count' and jsonb_typeof(p_changes -> 'guest_count') <> 'null'
        and p_changes ->> 'guest_count' !~ '^-?[0-9]{1,9}$'
    then
        v_errors := v_errors || app.field_error('guest_count', 'int_type', 'A whole number is expected here.');
    end if;
    return v_errors;
end;
$$;

-- What the reservation becomes by these changes. Raises all their faults at once.
create function app.patched_reservation(p_row public.reservations, p_changes jsonb, p_capacity integer)
returns public.reservations
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := app.patch_errors(p_changes);
    v_changes jsonb := p_changes;
    v_new public.reservations := p_row;
begin
    if jsonb_typeof(p_changes) = 'object' then
        -- What cannot be read keeps its old value here, so that the other fields are judged too.
        v_changes := p_changes - coalesce(
            (select array_agg(split_part(e.value ->> 'path', '.', 1)) from jsonb_array_elements(v_errors) e), '{}'
        );
        if v_changes ? 'asset_id' then v_new.asset_id := (v_changes ->> 'asset_id')::uuid; end if;
        if v_changes ? 'title' then v_new.title := btrim(v_changes ->> 'title'); end if;
        if v_changes ? 'start_date' then v_new.start_date := app.parse_time(v_changes ->> 'start_date'); end if;
        if v_changes ? 'end_date' then v_new.end_date := app.parse_time(v_changes ->> 'end_date'); end if;
        if v_changes ? 'guest_count' then v_new.guest_count := (v_changes ->> 'guest_count')::integer; end if;
        v_errors := v_errors || app.booking_errors(
            v_new.title, v_new.start_date, v_new.end_date, v_new.guest_count, v_changes ->> 'notes',
            v_changes -> 'metadata', v_changes -> 'guests', p_capacity,
            case when v_new.start_date <> p_row.start_date then date_trunc('minute', now()) end
        );
        -- What has begun did begin then, and there.
        if p_row.start_date <= now() and v_new.start_date <> p_row.start_date then
            v_errors := v_errors || app.field_error('start_date', 'already_begun', 'The booking has begun already.');
        end if;
        if p_row.start_date <= now() and v_new.asset_id <> p_row.asset_id then
            v_errors := v_errors || app.field_error('asset_id', 'already_begun', 'The booking has begun already.');
        end if;
    end if;
    perform app.fail_fields(v_errors);
    return v_new;
end;
$$;
