-- Who waits for an asset's time. What comes free is offered to the first who may have it: kept for half an hour by a hold
-- in that person's name, then offered to the next. All of it happens under the asset's lock, which whoever frees time holds.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create type public.waitlist_status as enum ('waiting', 'offered', 'accepted', 'expired', 'canceled');

create table public.waitlist_entries (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    asset_id uuid not null,
    user_id uuid not null references public.profiles (id) on delete cascade,
    title text not null
        constraint waitlist_entries_title_length check (char_length(title) between 1 and 200 and btrim(title) <> ''),
    start_date timestamptz not null,
    end_date timestamptz not null,
    guest_count integer constraint waitlist_entries_guest_count_range check (guest_count between 0 and 10000),
    status public.waitlist_status not null default 'waiting',
    -- The booking that had to make way. Whoever was displaced stands before all who only wait.
    displaced_reservation_id uuid references public.reservations (id) on delete set null,
    -- The hold that keeps the offered time, and when it ends.
    hold_id uuid references public.reservations (id) on delete set null,
    offer_expires_at timestamptz,
    -- What the offer became.
    reservation_id uuid references public.reservations (id) on delete set null,
    -- When the time was free and yet not offered, and the rules that spoke against it.
    passed_over_at timestamptz,
    passed_over_violations jsonb,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint waitlist_entries_end_after_start check (end_date > start_date),
    constraint waitlist_entries_times_in_range
        check (start_date >= '1970-01-01 00:00+00' and end_date < '2200-01-01 00:00+00'),
    constraint waitlist_entries_length check (end_date - start_date <= interval '366 days'),
    constraint waitlist_entries_offer_expires check (status <> 'offered' or offer_expires_at is not null),
    constraint waitlist_entries_asset_fkey
        foreign key (asset_id, organization_id) references public.assets (id, organization_id) on delete cascade
);
-- Nobody waits twice for the same.
create unique index waitlist_entries_open on public.waitlist_entries (asset_id, user_id, start_date, end_date)
    where status in ('waiting', 'offered');
create index waitlist_entries_of_person on public.waitlist_entries (user_id, organization_id, created_at desc);
create index waitlist_entries_organization on public.waitlist_entries (organization_id, created_at desc);
create index waitlist_entries_hold on public.waitlist_entries (hold_id) where hold_id is not null;
create index waitlist_entries_displaced on public.waitlist_entries (displaced_reservation_id)
    where displaced_reservation_id is not null;
create index waitlist_entries_reservation on public.waitlist_entries (reservation_id) where reservation_id is not null;
alter table public.waitlist_entries enable row level security;

create policy "people read what they wait for, managers what anyone does" on public.waitlist_entries
    for select to authenticated
    using (
        (
            user_id = (select auth.uid())
            and organization_id = any (array(select app.member_organizations()))
        )
        or organization_id = any (array(select app.organizations_as('manager')))
    );

-- Written by functions only.
grant select on public.waitlist_entries to authenticated;
grant select, insert, update, delete on public.waitlist_entries to service_role;

create trigger zz_touch before update on public.waitlist_entries
    for each row when (old.* is distinct from new.*) execute function app.touch();

create function app.waitlist_json(p_row public.waitlist_entries)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'id', p_row.id, 'organization_id', p_row.organization_id, 'asset_id', p_row.asset_id,
        'user_id', p_row.user_id, 'name', app.person_name(p_row.user_id), 'title', p_row.title,
        'start_date', app.utc(p_row.start_date), 'end_date', app.utc(p_row.end_date),
        'time_zone', (select a.timezone from public.assets a where a.id = p_row.asset_id),
        'guest_count', p_row.guest_count, 'status', p_row.status,
        'displaced_reservation_id', p_row.displaced_reservation_id, 'hold_id', p_row.hold_id,
        'offer_expires_at', app.utc(p_row.offer_expires_at), 'reservation_id', p_row.reservation_id,
        'passed_over_at', app.utc(p_row.passed_over_at),
        'passed_over_violations', coalesce(p_row.passed_over_violations, '[]'),
        'version', p_row.version, 'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    );
end;
$$;

-- Which of a person's holds of an asset a new one replaces: a form's, never an offer, which somebody waited for.
create or replace function app.replaceable_holds(p_asset_id uuid, p_user_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select r.id from public.reservations r
        where r.asset_id = p_asset_id and r.user_id = p_user_id and r.status = 'hold'
            and not exists (select from public.waitlist_entries w where w.hold_id = r.id and w.status = 'offered')
    );
end;
$$;

-- The violations that speak against this entry now; null where its person may not book the asset at all any more.
create function app.waitlist_violations(p_entry public.waitlist_entries, p_asset public.assets)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_sections public.asset_section[];
begin
    select app.sections_of(m.organization_id, m.role, m.tier_id) into v_sections
    from public.organization_members m
    where m.organization_id = p_entry.organization_id and m.user_id = p_entry.user_id and m.role <= 'member';
    if not found or p_asset.section <> all (v_sections) then
        return null;
    end if;
    -- Whoever frees the time is the caller here, and sets nothing aside for the one who waits. Whoever was displaced gave
    -- notice when booking.
    return (
        select coalesce(jsonb_agg(v.value || '{"overridable": false}' order by v.place), '[]')
        from jsonb_array_elements(
            app.judge(app.make_case(
                p_asset, p_entry.user_id, p_entry.start_date, p_entry.end_date, '{}',
                p_entry.displaced_reservation_id is null
            ))
        ) with ordinality as v(value, place)
    );
end;
$$;

-- Keeps the entry's time for half an hour, for its person to accept. The waiting goes on where somebody who takes no lock,
-- such as the dashboard, took that time in this very moment.
create function app.offer_entry(p_entry public.waitlist_entries)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_expires_at timestamptz := least(now() + interval '30 minutes', p_entry.start_date);
    v_hold_id uuid;
begin
    -- Whoever is just leaving the organisation ends the waiting without the asset's lock.
    perform from public.waitlist_entries w where w.id = p_entry.id and w.status = 'waiting' for update;
    if not found then
        return;
    end if;
    insert into public.reservations
        (organization_id, asset_id, user_id, title, start_date, end_date, status, guest_count, hold_expires_at)
    values (
        p_entry.organization_id, p_entry.asset_id, p_entry.user_id, p_entry.title, p_entry.start_date,
        p_entry.end_date, 'hold', p_entry.guest_count, v_expires_at
    )
    returning id into v_hold_id;
    update public.waitlist_entries w
    set status = 'offered', hold_id = v_hold_id, offer_expires_at = v_expires_at,
        passed_over_at = null, passed_over_violations = null
    where w.id = p_entry.id;
exception
    when sqlstate 'PGRST' then
        null;
end;
$$;

-- Offers what is free to those who wait for it: first whoever was displaced, then by tier, then by who came first. Whom the
-- rules refuse now is passed over, with the reason, and keeps waiting. Under the asset's lock, so that two who free time at
-- once make one offer.
create or replace function app.advance_waitlist(p_asset_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_entry public.waitlist_entries;
    v_violations jsonb;
begin
    if not exists (
        select from public.waitlist_entries w where w.asset_id = p_asset_id and w.status in ('waiting', 'offered')
    ) then
        return;
    end if;
    update public.waitlist_entries w
    set status = 'expired', hold_id = null
    where w.asset_id = p_asset_id
        and (
            (w.status = 'offered' and w.offer_expires_at <= now())
            or (w.status = 'waiting' and w.start_date <= now())
        );
    select * into v_asset from public.assets a where a.id = p_asset_id;
    if v_asset.deleted_at is not null or not v_asset.is_active or not exists (
        select from public.entitlements e
        where e.organization_id = v_asset.organization_id and e.section = v_asset.section and e.is_active
    ) then
        return;
    end if;
    for v_entry in
        select w.*
        from public.waitlist_entries w
        left join public.organization_members m
            on m.organization_id = w.organization_id and m.user_id = w.user_id
        left join public.tiers t on t.organization_id = w.organization_id
            and (t.id = m.tier_id or (m.tier_id is null and t.is_default))
        where w.asset_id = p_asset_id and w.status = 'waiting'
        order by w.displaced_reservation_id is null, t.priority nulls last, w.created_at, w.id
    loop
        continue when app.is_taken(v_asset, v_entry.start_date, v_entry.end_date);
        v_violations := app.waitlist_violations(v_entry, v_asset);
        if v_violations is null or v_violations @> '[{"effect": "deny"}]' then
            update public.waitlist_entries w
            set passed_over_at = now(), passed_over_violations = v_violations
            where w.id = v_entry.id;
        else
            perform app.offer_entry(v_entry);
        end if;
    end loop;
end;
$$;

-- Puts whoever was displaced, or lost the time to maintenance, at the head of the list for the same time.
create or replace function app.enlist_displaced(p_row public.reservations)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_row.start_date <= now() or not exists (
        select from public.organization_members m
        where m.organization_id = p_row.organization_id and m.user_id = p_row.user_id and m.role <= 'member'
    ) then
        return;
    end if;
    insert into public.waitlist_entries as w
        (organization_id, asset_id, user_id, title, start_date, end_date, guest_count, displaced_reservation_id)
    values (
        p_row.organization_id, p_row.asset_id, p_row.user_id, p_row.title, p_row.start_date, p_row.end_date,
        p_row.guest_count, p_row.id
    )
    on conflict (asset_id, user_id, start_date, end_date) where status in ('waiting', 'offered') do update
        set displaced_reservation_id = excluded.displaced_reservation_id;
end;
$$;

-- Trigger: an offer whose hold became a booking is accepted, whichever function confirmed it. What the dashboard makes of
-- the hold otherwise is no answer of the one who waits.
create function app.settle_offer_of_hold()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.waitlist_entries w
    set status = case when app.holds_slot(new.status) then 'accepted' else 'waiting' end::public.waitlist_status,
        reservation_id = case when app.holds_slot(new.status) then new.id end,
        hold_id = null, offer_expires_at = null
    where w.hold_id = new.id and w.status = 'offered';
    return null;
end;
$$;
create trigger settle_offer after update of status on public.reservations
    for each row when (old.status = 'hold' and new.status <> 'hold')
    execute function app.settle_offer_of_hold();

-- Trigger: an offer ends with its hold. Before the row goes, for then the entry no longer names it. Released by the one who
-- waits, it is declined; taken by maintenance or by hand in the dashboard, the waiting goes on.
create function app.end_offer_of_hold()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.waitlist_entries w
    set hold_id = null, offer_expires_at = null,
        status = case
            when old.hold_expires_at <= now() then 'expired'
            when old.user_id = auth.uid() then 'canceled'
            else 'waiting'
        end::public.waitlist_status
    where w.hold_id = old.id and w.status = 'offered';
    return old;
end;
$$;
create trigger end_offer before delete on public.reservations
    for each row when (old.status = 'hold') execute function app.end_offer_of_hold();

-- Trigger: whoever leaves an organisation waits for nothing there, and keeps nothing from others.
create function app.end_waiting_of_member()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_holds uuid[];
begin
    with ended as (
        update public.waitlist_entries w
        set status = 'canceled'
        where w.organization_id = old.organization_id and w.user_id = old.user_id and w.status in ('waiting', 'offered')
        returning w.hold_id
    )
    select array_agg(e.hold_id order by e.hold_id) into v_holds from ended e where e.hold_id is not null;
    delete from public.reservations r where r.id = any (v_holds) and r.status = 'hold';
    return null;
end;
$$;
create trigger end_waiting after delete on public.organization_members
    for each row execute function app.end_waiting_of_member();

-- Trigger: what a deleted person's holds free is not offered to that person once more. It fires before release_bookings.
create function app.end_waiting_of_deleted_person()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.waitlist_entries w
    set status = 'canceled', hold_id = null
    where w.user_id = old.id and w.status in ('waiting', 'offered');
    return old;
end;
$$;
create trigger end_waiting before delete on public.profiles
    for each row execute function app.end_waiting_of_deleted_person();

-- Trigger: nobody waits for an asset that has been archived.
create function app.end_waiting_for_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.waitlist_entries w
    set status = 'canceled'
    where w.asset_id = new.id and w.status = 'waiting';
    return null;
end;
$$;
create trigger end_waiting after update of deleted_at on public.assets
    for each row when (old.deleted_at is null and new.deleted_at is not null)
    execute function app.end_waiting_for_asset();
