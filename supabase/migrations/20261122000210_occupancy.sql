-- What occupies an asset, whatever its kind, in one relation under one exclusion constraint: for any writer, the
-- dashboard included, a double booking is impossible, not merely checked for.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table app.occupancy (
    id bigint generated always as identity primary key,
    asset_id uuid not null,
    -- From the start to the end plus the asset's turnaround when it was booked: changing an asset's turnaround later
    -- moves nothing that stands. The trigger fills it, because a range plus an interval is not immutable.
    occupied tstzrange not null,
    kind text not null constraint occupancy_kind_known check (kind in ('reservation', 'hold')),
    source_id uuid not null,
    constraint occupancy_not_empty check (not isempty(occupied) and not lower_inf(occupied) and not upper_inf(occupied)),
    -- The law. It must stay non-deferrable: `on conflict` cannot arbitrate by a deferrable constraint.
    constraint occupancy_no_overlap exclude using gist (asset_id with =, occupied with &&)
);
alter table app.occupancy enable row level security;
-- Not unique: one maintenance window may come to occupy several pieces of time.
create index occupancy_source on app.occupancy (source_id);

-- What kind of occupancy a booking of this status is; null where it occupies nothing.
create function app.occupancy_kind(p_status public.reservation_status)
returns text
language sql
immutable
parallel safe
as $$
    select case when p_status = 'hold' then 'hold' when app.holds_slot(p_status) then 'reservation' end
$$;

-- Minutes as time, never as days: a day added to a timestamptz is as long as the session's zone says.
create function app.turnaround(p_minutes integer)
returns interval
language sql
immutable
parallel safe
as $$
    select make_interval(mins => coalesce(p_minutes, 0))
$$;

-- A person as the directory names them, or null. Without a SET clause, so that queries see through it.
create function app.full_name(p_first_name text, p_last_name text)
returns text
language sql
stable
parallel safe
as $$
    select nullif(btrim(concat_ws(' ', p_first_name, p_last_name)), '')
$$;

create function app.person_name(p_user_id uuid)
returns text
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    return (select app.full_name(p.first_name, p.last_name) from public.profiles p where p.id = p_user_id);
end;
$$;

-- What stands in the way of this range, in order, at most fifty; '[]' when nothing does. One probe of the exclusion
-- constraint's index. Who may see the asset may read its bookings; of another's hold only the times are shown.
-- The callers check that the asset is visible.
-- The plan is made once: planning it for each range took longer than all the rest of an answer. What is in the way is cut
-- to fifty before it is joined, so that no estimate of their number can lead to reading all bookings.
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

-- Up to three free times of the same length, nearest to the one asked for first, none of them in the past, none over
-- another. Looks a month around at first, and a year around only if that holds fewer than three.
-- Planned once, as app.conflicts is.
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

-- Raises the 409 that names what is in the way and what is free instead.
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

-- Keeps app.occupancy in step with bookings, whoever writes them. For a whole statement at once, so that one UPDATE may
-- swap two bookings or shift a series: all that moves is taken out before any of it is put back.
create function app.keep_occupancy()
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

-- Takes out what an update moved or released, then puts back what still occupies.
create function app.release_occupancy()
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

-- Fired in the order of their names: an update releases before it keeps.
create trigger occupancy_1_released after update on public.reservations
    referencing old table as old_rows new table as new_rows
    for each statement execute function app.release_occupancy();
create trigger occupancy_2_moved after update on public.reservations
    referencing new table as new_rows
    for each statement execute function app.keep_occupancy();
create trigger occupancy_inserted after insert on public.reservations
    referencing new table as new_rows
    for each statement execute function app.keep_occupancy();
create trigger occupancy_deleted after delete on public.reservations
    referencing old table as old_rows
    for each statement execute function app.release_occupancy();

-- TRUNCATE fires no other trigger: bookings that went that way would go on taking their assets' time and standing on
-- every calendar, and occupancy that did would let each slot be booked again.
create function app.refuse_truncate()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.fail('INVALID_STATE', 'Delete these rows; truncating would tell nobody that they are gone.', 409);
    return null;
end;
$$;
create trigger refuse_truncate before truncate on public.reservations
    for each statement execute function app.refuse_truncate();
create trigger refuse_truncate before truncate on app.occupancy
    for each statement execute function app.refuse_truncate();

-- An asset with bookings to come is not archived under the people who booked it. The update holds the asset's row, which
-- app.keep_occupancy shares: whichever comes first, the other sees it.
create function app.refuse_archiving_booked_asset()
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
create trigger refuse_archiving_booked before update of deleted_at on public.assets
    for each row when (old.deleted_at is null and new.deleted_at is not null)
    execute function app.refuse_archiving_booked_asset();
