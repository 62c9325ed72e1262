-- Maintenance windows: time in which an asset cannot be booked. They take their time in app.occupancy, under the same
-- exclusion constraint as bookings, whoever writes them.
--
-- A window kept around bookings occupies its time in pieces, and takes what a kept booking gives back in the same
-- transaction. Locks: whoever places a window shares the rows of the bookings in it, so that none can go unseen while
-- the pieces are reckoned; whoever gives time back shares the rows of the asset's windows, so that none can change
-- while a piece is added to it. Functions hold the asset's lock before either; only two hands in the dashboard can
-- meet here, and Postgres then ends one of them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.maintenance_windows (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    asset_id uuid not null,
    title text not null constraint maintenance_windows_title_length
        check (char_length(title) between 1 and 200 and btrim(title) <> ''),
    start_date timestamptz not null,
    end_date timestamptz not null,
    status text not null default 'scheduled' constraint maintenance_windows_status_known
        check (status in ('scheduled', 'canceled')),
    -- What was decided about the bookings in its way: null, none was to be there; 'cancel', they were cancelled; 'keep',
    -- the window takes its time around them, and theirs as soon as they go.
    resolution text constraint maintenance_windows_resolution_known check (resolution in ('cancel', 'keep')),
    created_by uuid references public.profiles (id) on delete set null,
    canceled_at timestamptz,
    -- Members read it: it says why an asset that was to be away is there after all.
    cancellation_reason text constraint maintenance_windows_reason_length check (char_length(cancellation_reason) <= 2000),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint maintenance_windows_end_after_start check (end_date > start_date),
    constraint maintenance_windows_times_in_range
        check (start_date >= '1970-01-01 00:00+00' and end_date < '2200-01-01 00:00+00'),
    -- calendar() bounds its index scan by it.
    constraint maintenance_windows_length check (end_date - start_date <= interval '366 days'),
    -- Two windows may not share time, not even where both are kept around the same booking: which would take it?
    constraint maintenance_windows_no_overlap
        exclude using gist (asset_id with =, tstzrange(start_date, end_date) with &&) where (status = 'scheduled'),
    constraint maintenance_windows_asset_fkey
        foreign key (asset_id, organization_id) references public.assets (id, organization_id)
);
alter table public.maintenance_windows enable row level security;

-- An asset's list; which windows may take what an asset's booking gave back.
create index maintenance_windows_asset on public.maintenance_windows (asset_id, start_date, id);
-- The calendar, as idx_reservations_calendar.
create index maintenance_windows_calendar on public.maintenance_windows (organization_id, end_date, start_date)
    where status = 'scheduled';
create index maintenance_windows_created_by on public.maintenance_windows (created_by) where created_by is not null;

create policy "members see the maintenance of the sections of their tier" on public.maintenance_windows
    for select to authenticated
    using (
        organization_id = any (array(select app.member_organizations()))
        and (
            organization_id = any (array(select app.full_view_organizations()))
            or asset_id in (select app.section_view_assets())
        )
    );

-- Written by functions only.
grant select on public.maintenance_windows to authenticated;
grant select, insert, update, delete on public.maintenance_windows to service_role;

create function app.keep_maintenance_identity()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if (new.id, new.organization_id) is distinct from (old.id, old.organization_id) then
        perform app.fail('INVALID_STATE', 'A maintenance window keeps its id and its organization.', 409);
    end if;
    return new;
end;
$$;
create trigger keep_identity before update of id, organization_id on public.maintenance_windows
    for each row execute function app.keep_maintenance_identity();
create trigger zz_touch before update on public.maintenance_windows
    for each row when (old.* is distinct from new.*) execute function app.touch();
create trigger refuse_truncate before truncate on public.maintenance_windows
    for each statement execute function app.refuse_truncate();

-- Gives a window whatever of its time nothing else takes. p_placing: also of what is just being given back; else only
-- what this transaction gave back itself.
create function app.fill_maintenance(p_window public.maintenance_windows, p_placing boolean)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_range tstzrange := tstzrange(p_window.start_date, p_window.end_date);
    v_settled uuid[];
    v_missing integer;
begin
    for v_try in 1..5 loop
        if p_placing then
            select coalesce(array_agg(l.id), '{}') into v_settled
            from (
                select r.id from public.reservations r
                where r.id in (
                    select o.source_id from app.occupancy o
                    where o.asset_id = p_window.asset_id and o.occupied && v_range
                )
                order by r.id
                for share
            ) l;
        end if;
        with free as (
            select piece.occupied
            from unnest(
                tstzmultirange(v_range)
                - (
                    select coalesce(range_agg(o.occupied), '{}')
                    from app.occupancy o
                    where o.asset_id = p_window.asset_id and o.occupied && v_range
                        -- What came after the look above runs into the constraint, and into the next look.
                        and (not p_placing or o.kind not in ('reservation', 'hold') or o.source_id = any (v_settled))
                )
                -- A booking that its own update has taken out and not yet put back is not gone.
                - (
                    select coalesce(range_agg(tstzrange(r.start_date, r.end_date + app.turnaround(a.turnaround_minutes))), '{}')
                    from public.reservations r
                    join public.assets a on a.id = r.asset_id
                    where r.asset_id = p_window.asset_id
                        and r.start_date < p_window.end_date and r.start_date > p_window.start_date - interval '9000 hours'
                        and app.occupancy_kind(r.status) is not null
                        and (r.status <> 'hold' or r.hold_expires_at is null or r.hold_expires_at > now())
                        and not exists (select from app.occupancy o where o.source_id = r.id)
                )
            ) as piece(occupied)
        ), placed as (
            insert into app.occupancy (asset_id, occupied, kind, source_id)
            select p_window.asset_id, f.occupied, 'maintenance', p_window.id from free f order by f.occupied
            on conflict on constraint occupancy_no_overlap do nothing
            returning 1
        )
        select (select count(*) from free) - (select count(*) from placed) into v_missing;
        if v_missing = 0 then
            return;
        end if;
    end loop;
    perform app.fail_busy();
end;
$$;

-- Lets the windows of these assets take what time has come free within them. For whoever takes something out of
-- app.occupancy, in the same statement's trigger: nobody can slip in between.
create or replace function app.refill_maintenance(p_asset_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_window public.maintenance_windows;
begin
    for v_window in
        select w.* from public.maintenance_windows w
        where w.asset_id = any (p_asset_ids) and w.status = 'scheduled' and w.end_date > now()
        order by w.id
        for share
    loop
        perform app.fill_maintenance(v_window, false);
    end loop;
end;
$$;

-- What stands in a window's way, as app.conflicts shows it, at most fifty; '[]' when nothing does. What has ended stands
-- in nobody's way, although its turnaround may still be taken. A window that keeps bookings is in the way of forms that
-- are being filled in, all the same.
create function app.maintenance_conflicts(p_window public.maintenance_windows, p_exclude_ids uuid[] default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_range tstzrange := tstzrange(p_window.start_date, p_window.end_date);
    v_ids uuid[];
begin
    select array_agg(o.source_id) into v_ids
    from app.occupancy o
    left join public.reservations r on r.id = o.source_id
    where o.asset_id = p_window.asset_id and o.occupied && v_range and o.source_id <> p_window.id
        and o.source_id <> all (p_exclude_ids)
        and (o.expires_at is null or o.expires_at > now())
        and (r.id is null or r.end_date > now())
        and (p_window.resolution is distinct from 'keep' or o.kind = 'hold');
    if v_ids is null then
        return '[]';
    end if;
    return app.conflicts(
        p_window.asset_id, v_range,
        array(
            select o.source_id from app.occupancy o
            where o.asset_id = p_window.asset_id and o.occupied && v_range and o.source_id <> all (v_ids)
        )
    );
end;
$$;

create function app.refuse_maintenance_conflicts(p_window public.maintenance_windows, p_exclude_ids uuid[] default '{}')
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_conflicts jsonb := app.maintenance_conflicts(p_window, p_exclude_ids);
begin
    if v_conflicts <> '[]' then
        perform app.fail(
            'CONFLICT', 'The asset is taken at that time.', 409,
            jsonb_build_object('conflicts', v_conflicts, 'resolutions', '["cancel", "keep"]'::jsonb)
        );
    end if;
end;
$$;

-- Keeps app.occupancy in step with the windows, whoever writes them.
create function app.keep_maintenance_occupancy()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op <> 'INSERT' then
        delete from app.occupancy o where o.source_id = old.id;
    end if;
    if tg_op = 'DELETE' or new.status <> 'scheduled' then
        return null;
    end if;
    -- `for share`: as for bookings, the asset may not be archived between this look and our commit.
    perform from public.assets a where a.id = new.asset_id and a.deleted_at is null for share;
    if not found then
        perform app.fail(
            'INVALID_STATE', 'The asset has been archived.', 409, jsonb_build_object('reason', 'asset_deleted')
        );
    end if;
    delete from app.occupancy o
    where o.asset_id = new.asset_id and o.occupied && tstzrange(new.start_date, new.end_date) and o.expires_at <= now();
    perform app.fill_maintenance(new, true);
    if new.resolution is distinct from 'cancel' then
        perform app.refuse_maintenance_conflicts(new);
    end if;
    return null;
end;
$$;
create trigger occupancy_inserted after insert on public.maintenance_windows
    for each row execute function app.keep_maintenance_occupancy();
create trigger occupancy_moved after update on public.maintenance_windows
    for each row when (
        (old.asset_id, old.start_date, old.end_date, old.status, old.resolution)
            is distinct from (new.asset_id, new.start_date, new.end_date, new.status, new.resolution)
    )
    execute function app.keep_maintenance_occupancy();
create trigger occupancy_deleted after delete on public.maintenance_windows
    for each row execute function app.keep_maintenance_occupancy();

-- The dashboard queues for the asset as the functions do.
create function app.lock_maintenance_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.lock_assets(array[new.asset_id]);
    return new;
end;
$$;
create trigger lock_asset before insert on public.maintenance_windows
    for each row execute function app.lock_maintenance_asset();

-- A window that cancels takes its time around the bookings first and theirs as they go, so that nobody on the waiting
-- list is offered it in between. By the commit they must be gone.
create function app.check_maintenance_canceled()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_row public.maintenance_windows;
begin
    select * into v_row from public.maintenance_windows w where w.id = new.id;
    if v_row.status = 'scheduled' and v_row.resolution = 'cancel' then
        perform app.refuse_maintenance_conflicts(v_row);
    end if;
    return null;
end;
$$;
create constraint trigger bookings_are_canceled after insert or update on public.maintenance_windows
    deferrable initially deferred
    for each row when (new.status = 'scheduled' and new.resolution = 'cancel')
    execute function app.check_maintenance_canceled();

-- Nobody maintains what is archived, and restoring it finds its calendar free.
create function app.cancel_maintenance_of_archived_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.maintenance_windows w
    set status = 'canceled', canceled_at = now()
    where w.asset_id = new.id and w.status = 'scheduled' and w.end_date > now();
    return null;
end;
$$;
create trigger cancel_maintenance after update of deleted_at on public.assets
    for each row when (old.deleted_at is null and new.deleted_at is not null)
    execute function app.cancel_maintenance_of_archived_asset();
