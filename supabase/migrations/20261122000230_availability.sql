-- Is this asset free? An answer for people; the exclusion constraint is the law.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The asset, if the caller may see it and it is not archived; else there is none. What the caller may not see must not
-- answer differently from what does not exist.
create function app.visible_asset(p_asset_id uuid)
returns public.assets
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_sections public.asset_section[];
begin
    if auth.uid() is null then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    select * into v_asset from public.assets a where a.id = p_asset_id and a.deleted_at is null;
    v_sections := app.visible_sections(v_asset.organization_id);
    if v_asset.id is null or (v_sections is not null and v_asset.section <> all (v_sections)) then
        perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
    end if;
    return v_asset;
end;
$$;

-- The faults of a range of time as such; p_path_start and p_path_end are the names of the caller's fields.
create function app.range_errors(
    p_start timestamptz, p_end timestamptz, p_path_start text default 'start_date', p_path_end text default 'end_date'
)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_end record;
begin
    -- The common answer first: this is asked before each booking and each look at a calendar.
    if p_start >= '1970-01-01 00:00+00' and p_start < p_end and p_end < '2200-01-01 00:00+00' then
        return '[]';
    end if;
    for v_end in select * from (values (p_path_start, p_start), (p_path_end, p_end)) as e(path, at) loop
        if v_end.at is null then
            v_errors := v_errors || app.field_error(v_end.path, 'missing', 'This field is required.');
        elsif not isfinite(v_end.at) or v_end.at < '1970-01-01 00:00+00' or v_end.at >= '2200-01-01 00:00+00' then
            v_errors := v_errors || app.field_error(v_end.path, 'datetime_out_of_range', 'This time is out of range.');
        end if;
    end loop;
    if v_errors = '[]' and p_end <= p_start then
        v_errors := v_errors || app.field_error(p_path_end, 'range_order', 'The end must come after the beginning.');
    end if;
    return v_errors;
end;
$$;

-- Definer, so that a booking which row security hides can never make a taken slot look free.
create function public.check_availability(
    p_asset_id uuid, p_start_date timestamptz, p_end_date timestamptz, p_exclude_reservation_id uuid default null
)
returns table (is_available boolean, conflicting_reservations jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_asset public.assets := app.visible_asset(p_asset_id);
begin
    perform app.fail_fields(app.range_errors(p_start_date, p_end_date));
    conflicting_reservations := app.conflicts(
        p_asset_id, tstzrange(p_start_date, p_end_date + app.turnaround(v_asset.turnaround_minutes)),
        p_exclude_reservation_id
    );
    is_available := conflicting_reservations = '[]';
    return next;
end;
$$;
grant execute on function public.check_availability(uuid, timestamptz, timestamptz, uuid) to authenticated;

-- The same with up to three free times instead, and the asset's zone to show them in.
create function public.asset_availability(
    p_asset_id uuid, p_start_date timestamptz, p_end_date timestamptz, p_exclude_reservation_id uuid default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_asset public.assets := app.visible_asset(p_asset_id);
    v_turnaround interval := app.turnaround(v_asset.turnaround_minutes);
    v_conflicts jsonb;
begin
    perform app.fail_fields(app.range_errors(p_start_date, p_end_date));
    v_conflicts := app.conflicts(
        p_asset_id, tstzrange(p_start_date, p_end_date + v_turnaround), p_exclude_reservation_id
    );
    return jsonb_build_object(
        'asset_id', v_asset.id,
        'time_zone', v_asset.timezone,
        'is_available', v_conflicts = '[]',
        'conflicting_reservations', v_conflicts,
        'alternatives', case
            when v_conflicts = '[]' then '[]'
            else app.free_alternatives(p_asset_id, p_start_date, p_end_date, v_turnaround, p_exclude_reservation_id)
        end
    );
end;
$$;
grant execute on function public.asset_availability(uuid, timestamptz, timestamptz, uuid) to authenticated;
