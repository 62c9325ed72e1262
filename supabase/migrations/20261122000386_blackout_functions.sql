-- Blackout dates, and holidays of an organisation's own.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.blackout_resource(p_row public.blackout_dates)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_row) || jsonb_build_object(
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    )
$$;

-- A page of the blackouts, by their beginning: {items, total}. Those that touch the days from p_from to p_to; of a tier,
-- an asset: those that are for it, which are also those for every tier, every asset.
create function public.list_blackouts(
    p_organization_id uuid, p_from date default null, p_to date default null, p_tier_id uuid default null,
    p_asset_id uuid default null, p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page record := app.page_bounds(p_page, p_page_size);
begin
    perform app.require_member(p_organization_id);
    return (
        with found as (
            select b as blackout, b.start_date, b.id
            from public.blackout_dates b
            where b.organization_id = p_organization_id
                and (p_from is null or b.end_date >= p_from)
                and (p_to is null or b.start_date <= p_to)
                and (p_tier_id is null or b.tier_id is null or b.tier_id = p_tier_id)
                and (p_asset_id is null or b.asset_id is null or b.asset_id = p_asset_id)
        )
        select jsonb_build_object(
            'total', (select count(*) from found),
            'items', coalesce(
                (
                    select jsonb_agg(app.blackout_resource(f.blackout) order by f.start_date, f.id)
                    from (
                        select * from found order by start_date, id limit v_page.size offset v_page.skip
                    ) f
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_blackouts(uuid, date, date, uuid, uuid, integer, integer) to authenticated;

create function app.checked_blackout(p_row public.blackout_dates, p_base jsonb, p_input jsonb)
returns public.blackout_dates
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.blackout_dates := jsonb_populate_record(p_row, app.checked_input('blackout', p_base, p_input));
begin
    perform app.fail_fields(app.reference_errors(
        v_row.organization_id, jsonb_build_object('tier_id', v_row.tier_id, 'asset_id', v_row.asset_id)
    ));
    return v_row;
end;
$$;

create function public.create_blackout(p_organization_id uuid, p_blackout jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.blackout_dates;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row.organization_id := p_organization_id;
    v_row := app.checked_blackout(v_row, '{}', p_blackout);
    insert into public.blackout_dates (organization_id, tier_id, asset_id, start_date, end_date, reason)
    values (p_organization_id, v_row.tier_id, v_row.asset_id, v_row.start_date, v_row.end_date, v_row.reason)
    returning * into v_row;
    return app.blackout_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_blackout(uuid, jsonb) to authenticated;

-- The blackout, locked, in the version that the caller knows.
create function app.lock_blackout(p_organization_id uuid, p_blackout_id uuid, p_expected_version integer)
returns public.blackout_dates
language plpgsql
set search_path = ''
as $$
declare
    v_row public.blackout_dates;
begin
    select b.* into v_row
    from public.blackout_dates b
    where b.id = p_blackout_id and b.organization_id = p_organization_id
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such blackout.', 404);
    end if;
    perform app.require_version(v_row.version, p_expected_version, app.blackout_resource(v_row));
    return v_row;
end;
$$;

create function public.update_blackout(
    p_organization_id uuid, p_blackout_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.blackout_dates;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_blackout(p_organization_id, p_blackout_id, p_expected_version);
    v_row := app.checked_blackout(v_row, to_jsonb(v_row), p_changes);
    update public.blackout_dates b
    set tier_id = v_row.tier_id, asset_id = v_row.asset_id, start_date = v_row.start_date, end_date = v_row.end_date,
        reason = v_row.reason
    where b.id = p_blackout_id
    returning b.* into v_row;
    return app.blackout_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_blackout(uuid, uuid, jsonb, integer) to authenticated;

create function public.delete_blackout(
    p_organization_id uuid, p_blackout_id uuid, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.blackout_dates;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_blackout(p_organization_id, p_blackout_id, p_expected_version);
    delete from public.blackout_dates b where b.id = v_row.id;
    return jsonb_build_object('id', v_row.id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_blackout(uuid, uuid, integer) to authenticated;

-- built_in: everyone's, and nobody's to change. next_date: null where it is over.
create function app.holiday_resource(p_row public.holidays)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_row) || jsonb_build_object(
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at),
        'built_in', p_row.organization_id is null,
        'next_date', (
            select min(d.date)
            from app.holiday_dates(array[p_row.id], current_date, coalesce(p_row.date, current_date + 400)) d
        )
    )
$$;

-- A page of the holidays that rules of this organisation may name, by name: {items, total}.
create function public.list_holidays(p_organization_id uuid, p_page integer default 1, p_page_size integer default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page record := app.page_bounds(p_page, p_page_size);
begin
    perform app.require_member(p_organization_id);
    return (
        with found as (
            select h as holiday, h.name, h.id
            from public.holidays h
            where h.organization_id is null or h.organization_id = p_organization_id
        )
        select jsonb_build_object(
            'total', (select count(*) from found),
            'items', coalesce(
                (
                    select jsonb_agg(app.holiday_resource(f.holiday) order by f.name, f.id)
                    from (
                        select * from found order by name, id limit v_page.size offset v_page.skip
                    ) f
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_holidays(uuid, integer, integer) to authenticated;

create function public.create_holiday(p_organization_id uuid, p_holiday jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.holidays;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := jsonb_populate_record(null::public.holidays, app.checked_input('holiday', '{}', p_holiday));
    insert into public.holidays (organization_id, name, name_es, month_day, easter_offset, date)
    values (p_organization_id, v_row.name, v_row.name_es, v_row.month_day, v_row.easter_offset, v_row.date)
    returning * into v_row;
    return app.holiday_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_holiday(uuid, jsonb) to authenticated;

-- The holiday, locked, in the version that the caller knows; one of the organisation's own.
create function app.lock_holiday(p_organization_id uuid, p_holiday_id uuid, p_expected_version integer)
returns public.holidays
language plpgsql
set search_path = ''
as $$
declare
    v_row public.holidays;
begin
    select h.* into v_row
    from public.holidays h
    where h.id = p_holiday_id and (h.organization_id is null or h.organization_id = p_organization_id)
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such holiday.', 404);
    elsif v_row.organization_id is null then
        perform app.fail(
            'FORBIDDEN', 'This holiday is built in. Add one of your own instead.', 403,
            jsonb_build_object('reason', 'built_in')
        );
    end if;
    perform app.require_version(v_row.version, p_expected_version, app.holiday_resource(v_row));
    return v_row;
end;
$$;

create function public.update_holiday(
    p_organization_id uuid, p_holiday_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.holidays;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_holiday(p_organization_id, p_holiday_id, p_expected_version);
    v_row := jsonb_populate_record(v_row, app.checked_input('holiday', to_jsonb(v_row), p_changes));
    update public.holidays h
    set name = v_row.name, name_es = v_row.name_es, month_day = v_row.month_day, easter_offset = v_row.easter_offset,
        date = v_row.date
    where h.id = p_holiday_id
    returning h.* into v_row;
    return app.holiday_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_holiday(uuid, uuid, jsonb, integer) to authenticated;

create function public.delete_holiday(
    p_organization_id uuid, p_holiday_id uuid, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.holidays;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_holiday(p_organization_id, p_holiday_id, p_expected_version);
    delete from public.holidays h where h.id = v_row.id;
    return jsonb_build_object('id', v_row.id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_holiday(uuid, uuid, integer) to authenticated;
