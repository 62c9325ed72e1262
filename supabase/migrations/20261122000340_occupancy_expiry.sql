-- Holds that end by themselves: every reader ignores one that has expired, the next writer deletes it, and so nothing
-- depends on a schedule being on time. And what stands in the way says of what kind it is.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Trigger: a hold ends, whoever writes it, and nothing but a hold does.
create function app.bound_hold()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.hold_expires_at := case when new.status = 'hold' then now() + interval '5 minutes' end;
    return new;
end;
$$;
create trigger bound_hold before insert or update on public.reservations
    for each row when ((new.status = 'hold') is distinct from (new.hold_expires_at is not null))
    execute function app.bound_hold();
update public.reservations r set hold_expires_at = now() + interval '5 minutes' where r.status = 'hold';
update app.occupancy o set expires_at = r.hold_expires_at
from public.reservations r where o.kind = 'hold' and r.id = o.source_id;

-- Few rows at any time: an asset's expired holds, and everyone's.
-- squawk-ignore require-concurrent-index-creation
create index reservations_holds on public.reservations (asset_id, hold_expires_at) where status = 'hold';

-- What stands in the way of this range, in order, at most fifty; '[]' when nothing does. One probe of the exclusion
-- constraint's index. Who may see the asset may read its bookings and maintenance; of another's hold, and of busy time
-- elsewhere, only the times are shown. The callers check that the asset is visible.
-- The plan is made once: planning it for each range took longer than all the rest of an answer. What is in the way is cut
-- to fifty before it is joined, so that no estimate of their number can lead to reading all bookings.
-- squawk-ignore ban-drop-function
drop function app.conflicts(uuid, tstzrange, uuid);
create function app.conflicts(p_asset_id uuid, p_occupied tstzrange, p_exclude_ids uuid[] default '{}')
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
            jsonb_build_object('kind', taken.kind) || case
                when w.id is not null then jsonb_build_object(
                    'id', w.id, 'title', w.title, 'start_date', app.utc(w.start_date), 'end_date', app.utc(w.end_date)
                )
                when r.id is null or (taken.kind = 'hold' and auth.role() = 'authenticated' and r.user_id is distinct from auth.uid())
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
            -- Maintenance that is kept around bookings takes its time in pieces.
            select o.kind, o.source_id, min(lower(o.occupied)) as begins, max(upper(o.occupied)) as ends
            from app.occupancy o
            where o.asset_id = p_asset_id and o.occupied && p_occupied and o.source_id <> all (p_exclude_ids)
                and (o.expires_at is null or o.expires_at > now())
            group by o.kind, o.source_id
            order by begins
            limit 50
        ) taken
        left join public.reservations r on r.id = taken.source_id
        left join public.maintenance_windows w on w.id = taken.source_id
        left join public.profiles p on p.id = r.user_id
    );
end;
$$;

-- Up to three free times of the same length, nearest to the one asked for first, none of them in the past, none over
-- another. Looks a month around at first, and a year around only if that holds fewer than three.
-- Planned once, as app.conflicts is.
-- squawk-ignore ban-drop-function
drop function app.free_alternatives(uuid, timestamptz, timestamptz, interval, uuid);
create function app.free_alternatives(
    p_asset_id uuid, p_start timestamptz, p_end timestamptz, p_turnaround interval, p_exclude_ids uuid[] default '{}'
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
                        and o.source_id <> all (p_exclude_ids)
                        and (o.expires_at is null or o.expires_at > now())
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

-- Raises the 409 that names what is in the way and what is free instead; p_more goes into its details.
-- squawk-ignore ban-drop-function
drop function app.fail_conflict(uuid, timestamptz, timestamptz, interval, uuid);
create function app.fail_conflict(
    p_asset_id uuid, p_start timestamptz, p_end timestamptz, p_turnaround interval, p_exclude_ids uuid[] default '{}',
    p_more jsonb default '{}'
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
            'conflicts', app.conflicts(p_asset_id, tstzrange(p_start, p_end + p_turnaround), p_exclude_ids),
            'alternatives', app.free_alternatives(p_asset_id, p_start, p_end, p_turnaround, p_exclude_ids)
        ) || p_more
    );
end;
$$;

-- Whether anything but these stands in the way; a hold that has expired does not.
create function app.is_taken(
    p_asset public.assets, p_start timestamptz, p_end timestamptz, p_exclude_ids uuid[] default '{}'
)
returns boolean
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    return exists (
        select from app.occupancy o
        where o.asset_id = p_asset.id
            and o.occupied && tstzrange(p_start, p_end + app.turnaround(p_asset.turnaround_minutes))
            and o.source_id <> all (p_exclude_ids)
            and (o.expires_at is null or o.expires_at > now())
    );
end;
$$;

-- Raises the conflict that it can see. To be called under app.lock_assets; the constraint catches whoever did without.
-- squawk-ignore ban-drop-function
drop function app.refuse_taken(public.assets, timestamptz, timestamptz, uuid);
create function app.refuse_taken(
    p_asset public.assets, p_start timestamptz, p_end timestamptz, p_exclude_ids uuid[] default '{}',
    p_more jsonb default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if app.is_taken(p_asset, p_start, p_end, p_exclude_ids) then
        perform app.fail_conflict(
            p_asset.id, p_start, p_end, app.turnaround(p_asset.turnaround_minutes), p_exclude_ids, p_more
        );
    end if;
end;
$$;

-- Definer, so that a booking which row security hides can never make a taken slot look free.
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
        array_remove(array[p_exclude_reservation_id], null)
    );
    is_available := conflicting_reservations = '[]';
    return next;
end;
$$;

-- The same with up to three free times instead, and the asset's zone to show them in.
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
    v_exclude_ids uuid[] := array_remove(array[p_exclude_reservation_id], null);
    v_conflicts jsonb;
begin
    perform app.fail_fields(app.range_errors(p_start_date, p_end_date));
    v_conflicts := app.conflicts(p_asset_id, tstzrange(p_start_date, p_end_date + v_turnaround), v_exclude_ids);
    return jsonb_build_object(
        'asset_id', v_asset.id,
        'time_zone', v_asset.timezone,
        'is_available', v_conflicts = '[]',
        'conflicting_reservations', v_conflicts,
        'alternatives', case
            when v_conflicts = '[]' then '[]'
            else app.free_alternatives(p_asset_id, p_start_date, p_end_date, v_turnaround, v_exclude_ids)
        end
    );
end;
$$;

-- Takes out what an update moved or released, then puts back what still occupies.
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
            and (b.asset_id, b.start_date, b.end_date, app.occupancy_kind(b.status), b.hold_expires_at)
                is distinct from (n.asset_id, n.start_date, n.end_date, app.occupancy_kind(n.status), n.hold_expires_at);
    end if;
    return null;
end;
$$;

-- Keeps app.occupancy in step with bookings, whoever writes them. For a whole statement at once, so that one UPDATE may
-- swap two bookings or shift a series: all that moves is taken out before any of it is put back.
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

    -- Whoever writes, the dashboard too, takes the place of holds that have expired. Their rows go with app.sweep_asset.
    delete from app.occupancy o
    using new_rows n join public.assets a on a.id = n.asset_id
    where o.asset_id = n.asset_id and o.expires_at <= now()
        and o.occupied && tstzrange(n.start_date, n.end_date + app.turnaround(a.turnaround_minutes))
        and app.occupancy_kind(n.status) is not null;

    -- `do nothing` waits for a competitor and loses quietly; to insert and catch the violation would deadlock under load.
    with wanted as (
        select
            n.id, n.asset_id, n.start_date, n.end_date, app.occupancy_kind(n.status) as kind, n.hold_expires_at,
            app.turnaround(a.turnaround_minutes) as turnaround
        from new_rows n
        join public.assets a on a.id = n.asset_id
        where app.occupancy_kind(n.status) is not null
            and (n.hold_expires_at is null or n.hold_expires_at > now())
            and not exists (select from app.occupancy o where o.source_id = n.id)
    ), placed as (
        insert into app.occupancy (asset_id, occupied, kind, source_id, expires_at)
        select w.asset_id, tstzrange(w.start_date, w.end_date + w.turnaround), w.kind, w.id, w.hold_expires_at
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
            v_refused.asset_id, v_refused.start_date, v_refused.end_date, v_refused.turnaround, array[v_refused.id]
        );
    end if;
    return null;
end;
$$;

-- Lets maintenance that was kept around bookings take what they have left: once what moved stands in its new place.
create function app.refill_released()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_asset_ids uuid[];
begin
    if tg_op = 'DELETE' then
        select array_agg(distinct b.asset_id) into v_asset_ids
        from old_rows b
        where app.occupancy_kind(b.status) is not null;
    else
        select array_agg(distinct b.asset_id) into v_asset_ids
        from old_rows b join new_rows n on n.id = b.id
        where app.occupancy_kind(b.status) is not null
            and (b.asset_id, b.start_date, b.end_date, app.occupancy_kind(b.status), b.hold_expires_at)
                is distinct from (n.asset_id, n.start_date, n.end_date, app.occupancy_kind(n.status), n.hold_expires_at);
    end if;
    if v_asset_ids is not null then
        perform app.refill_maintenance(v_asset_ids);
    end if;
    return null;
end;
$$;
create trigger occupancy_3_refilled after update on public.reservations
    referencing old table as old_rows new table as new_rows
    for each statement execute function app.refill_released();
create trigger occupancy_refilled after delete on public.reservations
    referencing old table as old_rows
    for each statement execute function app.refill_released();

-- An asset with bookings to come is not archived under the people who booked it; a hold that has expired is none. The
-- update holds the asset's row, which app.keep_occupancy shares: whichever comes first, the other sees it.
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
    where r.asset_id = new.id and r.end_date > now() and app.occupancy_kind(r.status) is not null
        and (r.hold_expires_at is null or r.hold_expires_at > now());
    if v_count > 0 then
        perform app.fail(
            'INVALID_STATE', 'The asset still has bookings to come.', 409,
            jsonb_build_object('reason', 'future_bookings', 'count', v_count)
        );
    end if;
    return new;
end;
$$;

-- Deletes the asset's expired holds and lets those who wait have what that frees; answers how many they were. Under the
-- asset's lock, by whoever writes next.
create function app.sweep_asset(p_asset_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_count integer;
begin
    delete from public.reservations r
    where r.asset_id = p_asset_id and r.status = 'hold' and r.hold_expires_at <= now();
    get diagnostics v_count = row_count;
    if v_count > 0 then
        perform app.advance_waitlist(p_asset_id);
    end if;
    return v_count;
end;
$$;
