-- Takes back 20261122000340_occupancy_expiry.sql.
-- Loses: holds, which would never end in what is left: they are expired now (public.reservations.status,
-- public.reservations.hold_expires_at, public.reservations.version, public.reservations.updated_at, app.occupancy).
-- Keeps: bookings, and the time that they take.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- They call what came with maintenance, and went with it.
drop trigger occupancy_refilled on public.reservations;
drop trigger occupancy_3_refilled on public.reservations;

update public.reservations r set status = 'expired' where r.status = 'hold';
-- What the deferred triggers have to log of it comes before their tables change.
set constraints all immediate;

drop index public.reservations_holds;
drop trigger bound_hold on public.reservations;

drop function app.sweep_asset(uuid);
drop function app.refill_released();
drop function app.refuse_taken(public.assets, timestamptz, timestamptz, uuid[], jsonb);
drop function app.is_taken(public.assets, timestamptz, timestamptz, uuid[]);
drop function app.fail_conflict(uuid, timestamptz, timestamptz, interval, uuid[], jsonb);
drop function app.free_alternatives(uuid, timestamptz, timestamptz, interval, uuid[]);
drop function app.conflicts(uuid, tstzrange, uuid[]);
drop function app.bound_hold();

-- As 20261122000210_occupancy.sql made it.
create function app.conflicts(p_asset_id uuid, p_occupied tstzrange, p_exclude_id uuid default null)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select coalesce(jsonb_agg(
            case when r.id is null or (taken.kind = 'hold' and auth.role() = 'authenticated' and r.user_id is distinct from auth.uid())
                then jsonb_build_object(
                    'start_date', app.utc(coalesce(r.start_date, taken.begins)),
                    'end_date', app.utc(coalesce(r.end_date, taken.ends))
                )
                else jsonb_build_object(
                    'id', r.id, 'title', r.title, 'start_date', app.utc(r.start_date), 'end_date', app.utc(r.end_date),
                    'status', r.status, 'booked_by', app.full_name(p.first_name, p.last_name)
                )
            end
            order by taken.begins
        ), '[]')
        from (
            select o.kind, o.source_id, lower(o.occupied) as begins, upper(o.occupied) as ends
            from app.occupancy o
            where o.asset_id = p_asset_id and o.occupied && p_occupied and o.source_id is distinct from p_exclude_id
            order by begins
            limit 50
        ) taken
        left join public.reservations r on r.id = taken.source_id
        left join public.profiles p on p.id = r.user_id
    );
end;
$$;

-- As 20261122000210_occupancy.sql made it.
create function app.free_alternatives(
    p_asset_id uuid, p_start timestamptz, p_end timestamptz, p_turnaround interval, p_exclude_id uuid default null
)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    -- Hours, not days: see app.turnaround.
    v_length interval := make_interval(secs => extract(epoch from p_end - p_start));
    v_need interval := v_length + p_turnaround;
    -- The next whole minute: nobody books from 14:05:23.
    v_soonest timestamptz := date_trunc('minute', now()) + interval '1 minute';
    v_reach interval;
    v_from timestamptz;
    v_to timestamptz;
    v_found jsonb;
begin
    foreach v_reach in array array[interval '744 hours', interval '8784 hours'] loop
        v_from := greatest(p_start - v_reach, v_soonest);
        v_to := greatest(p_end, v_from) + v_reach + v_need;
        select jsonb_agg(
            jsonb_build_object('start_date', app.utc(free.starts), 'end_date', app.utc(free.starts + v_length))
            order by free.distance, free.starts
        )
        into v_found
        from (
            select slot.starts, greatest(slot.starts - p_start, p_start - slot.starts) as distance
            from (
                -- Occupied ranges of one asset never overlap, so that each gap lies between one's end and the next one's beginning.
                select
                    greatest(b.gap_from, v_from) as gap_from,
                    least(lead(b.gap_until, 1, v_to) over (order by b.gap_from), v_to) as gap_to
                from (
                    select upper(o.occupied) as gap_from, lower(o.occupied) as gap_until
                    from app.occupancy o
                    where o.asset_id = p_asset_id and o.occupied && tstzrange(v_from, v_to)
                        and o.source_id is distinct from p_exclude_id
                    union all
                    select '-infinity', null
                ) b
            ) gap
            -- A long gap holds more than one: the nearest, and what follows side by side.
            cross join lateral (
                select greatest(gap.gap_from, least(p_start, gap.gap_to - v_need)) + step.place * v_need as starts
                from generate_series(-2, 2) as step(place)
            ) slot
            where slot.starts >= gap.gap_from and slot.starts + v_need <= gap.gap_to
            order by distance, slot.starts
            limit 3
        ) free;
        exit when jsonb_array_length(v_found) = 3;
    end loop;
    return coalesce(v_found, '[]');
end;
$$;

-- As 20261122000210_occupancy.sql made it.
create function app.fail_conflict(
    p_asset_id uuid, p_start timestamptz, p_end timestamptz, p_turnaround interval, p_exclude_id uuid default null
)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    perform app.fail(
        'CONFLICT', 'The asset is taken at that time.', 409,
        jsonb_build_object(
            'conflicts', app.conflicts(p_asset_id, tstzrange(p_start, p_end + p_turnaround), p_exclude_id),
            'alternatives', app.free_alternatives(p_asset_id, p_start, p_end, p_turnaround, p_exclude_id)
        )
    );
end;
$$;

-- As 20261122000210_occupancy.sql made it.
create or replace function app.keep_occupancy()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_refused record;
begin
    -- `for share`: an asset may not be archived, nor its turnaround changed, between this look and our commit.
    for v_asset in
        select a.* from public.assets a
        where a.id in (
            select n.asset_id from new_rows n
            where app.occupancy_kind(n.status) is not null
                and not exists (select from app.occupancy o where o.source_id = n.id)
        )
        order by a.id
        for share
    loop
        if v_asset.deleted_at is not null then
            perform app.fail(
                'INVALID_STATE', 'The asset has been archived.', 409, jsonb_build_object('reason', 'asset_deleted')
            );
        end if;
    end loop;
    if not found then
        return null;
    end if;

    -- `do nothing` waits for a competitor and loses quietly; to insert and catch the violation would deadlock under load.
    with wanted as (
        select
            n.id, n.asset_id, n.start_date, n.end_date, app.occupancy_kind(n.status) as kind,
            app.turnaround(a.turnaround_minutes) as turnaround
        from new_rows n
        join public.assets a on a.id = n.asset_id
        where app.occupancy_kind(n.status) is not null
            and not exists (select from app.occupancy o where o.source_id = n.id)
    ), placed as (
        insert into app.occupancy (asset_id, occupied, kind, source_id)
        select w.asset_id, tstzrange(w.start_date, w.end_date + w.turnaround), w.kind, w.id
        from wanted w
        order by w.asset_id, w.start_date
        on conflict on constraint occupancy_no_overlap do nothing
        returning source_id
    )
    select w.* into v_refused
    from wanted w
    where w.id not in (select p.source_id from placed p)
    order by w.asset_id, w.start_date
    limit 1;
    if found then
        perform app.fail_conflict(
            v_refused.asset_id, v_refused.start_date, v_refused.end_date, v_refused.turnaround, v_refused.id
        );
    end if;
    return null;
end;
$$;

-- As 20261122000210_occupancy.sql made it.
create or replace function app.release_occupancy()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        delete from app.occupancy o using old_rows b where o.source_id = b.id;
    else
        delete from app.occupancy o
        using old_rows b join new_rows n on n.id = b.id
        where o.source_id = b.id
            and (b.asset_id, b.start_date, b.end_date, app.occupancy_kind(b.status))
                is distinct from (n.asset_id, n.start_date, n.end_date, app.occupancy_kind(n.status));
    end if;
    return null;
end;
$$;

-- As 20261122000210_occupancy.sql made it.
create or replace function app.refuse_archiving_booked_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_count integer;
begin
    select count(*) into v_count
    from public.reservations r
    where r.asset_id = new.id and r.end_date > now() and app.occupancy_kind(r.status) is not null;
    if v_count > 0 then
        perform app.fail(
            'INVALID_STATE', 'The asset still has bookings to come.', 409,
            jsonb_build_object('reason', 'future_bookings', 'count', v_count)
        );
    end if;
    return new;
end;
$$;

-- As 20261122000230_availability.sql made it.
create or replace function public.check_availability(
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

-- As 20261122000230_availability.sql made it.
create or replace function public.asset_availability(
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

-- As 20261122000260_booking.sql made it.
create function app.refuse_taken(
    p_asset public.assets, p_start timestamptz, p_end timestamptz, p_exclude_id uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_turnaround interval := app.turnaround(p_asset.turnaround_minutes);
begin
    if exists (
        select from app.occupancy o
        where o.asset_id = p_asset.id and o.occupied && tstzrange(p_start, p_end + v_turnaround)
            and o.source_id is distinct from p_exclude_id
    ) then
        perform app.fail_conflict(p_asset.id, p_start, p_end, v_turnaround, p_exclude_id);
    end if;
end;
$$;
