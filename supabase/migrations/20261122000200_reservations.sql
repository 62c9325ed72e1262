-- Bookings, and beside them what only the booker and the managers may read. Notes and guests lie in tables of their own
-- so that no event, no list and no listener on reservations can carry them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The statuses that stand on the calendar. A completed booking keeps its place: it did occupy its time.
-- Without a SET clause, so that queries see through it to the partial index of the calendar; if the list ever changes,
-- idx_reservations_calendar must be built anew with it.
create function app.holds_slot(p_status public.reservation_status)
returns boolean
language sql
immutable
parallel safe
as $$
    select p_status = any ('{pending,approved,completed}'::public.reservation_status[])
$$;

create table public.reservations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    asset_id uuid not null,
    -- Null once the person was deleted: what took place stays on the record, without a name.
    user_id uuid references public.profiles (id) on delete set null,
    title text not null constraint reservations_title_length check (char_length(title) between 1 and 200 and btrim(title) <> ''),
    start_date timestamptz not null,
    end_date timestamptz not null,
    status public.reservation_status not null default 'pending',
    guest_count integer constraint reservations_guest_count_range check (guest_count between 0 and 10000),
    series_id uuid,
    approved_by uuid references public.profiles (id) on delete set null,
    approved_at timestamptz,
    canceled_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- An empty range overlaps nothing, and so would slip past the exclusion constraint.
    constraint reservations_end_after_start check (end_date > start_date),
    -- Infinite ends, and ends to which no turnaround can be added, would break the ranges that are built from them.
    constraint reservations_times_in_range check (start_date >= '1970-01-01 00:00+00' and end_date < '2200-01-01 00:00+00'),
    -- calendar() bounds its index scan by it: a longer booking would be missing from a month in its middle.
    constraint reservations_length check (end_date - start_date <= interval '366 days'),
    -- No row may mix organisations. Not `restrict`: deleting an organisation takes its assets and bookings together.
    constraint reservations_asset_fkey foreign key (asset_id, organization_id) references public.assets (id, organization_id)
);
alter table public.reservations enable row level security;

create table public.reservation_details (
    reservation_id uuid primary key references public.reservations (id) on delete cascade,
    notes text constraint reservation_details_notes_length check (char_length(notes) <= 2000),
    -- Legs, ports and passengers.
    metadata jsonb not null default '{}'
        constraint reservation_details_metadata_object check (jsonb_typeof(metadata) = 'object')
        constraint reservation_details_metadata_size check (octet_length(metadata::text) <= 16384),
    rejected_reason text constraint reservation_details_rejected_length check (char_length(rejected_reason) <= 2000),
    cancellation_reason text constraint reservation_details_canceled_length check (char_length(cancellation_reason) <= 2000)
);
alter table public.reservation_details enable row level security;

create table public.reservation_guests (
    reservation_id uuid not null references public.reservations (id) on delete cascade,
    position smallint not null constraint reservation_guests_at_most_fifty check (position between 1 and 50),
    name text not null constraint reservation_guests_name_length check (char_length(name) between 1 and 100 and btrim(name) <> ''),
    email text constraint reservation_guests_email_length check (char_length(email) <= 254),
    primary key (reservation_id, position)
);
alter table public.reservation_guests enable row level security;

-- The calendar: half-open windows of one organisation. Its column order finds what ends after the window's beginning.
create index idx_reservations_calendar on public.reservations (organization_id, end_date, start_date)
    include (user_id, title) where status = any ('{pending,approved,completed}'::public.reservation_status[]);
-- An organisation's list, newest or oldest first.
create index idx_reservations_organization_start on public.reservations (organization_id, start_date, id);
-- An asset's list; whether an asset still has bookings to come.
create index idx_reservations_asset_date on public.reservations (asset_id, start_date, end_date);
-- One's own bookings; what a deleted person leaves behind.
create index idx_reservations_user_status on public.reservations (user_id, status, created_at desc);
create index idx_reservations_approved_by on public.reservations (approved_by) where approved_by is not null;

create policy "members see the bookings of the sections that their tier allows" on public.reservations
    for select to authenticated
    using (
        organization_id = any (array(select app.member_organizations()))
        and (
            organization_id = any (array(select app.full_view_organizations()))
            or asset_id in (select app.section_view_assets())
        )
        -- A hold is a form being filled in, and nobody else's business.
        and (status <> 'hold' or user_id = (select auth.uid()))
    );

create policy "bookers and managers see a booking's details" on public.reservation_details
    for select to authenticated
    using (
        exists (
            select from public.reservations r
            where r.id = reservation_id
                and (
                    r.user_id = (select auth.uid())
                    or r.organization_id = any (array(select app.organizations_as('manager')))
                )
        )
    );

create policy "bookers and managers see a booking's guests" on public.reservation_guests
    for select to authenticated
    using (
        exists (
            select from public.reservations r
            where r.id = reservation_id
                and (
                    r.user_id = (select auth.uid())
                    or r.organization_id = any (array(select app.organizations_as('manager')))
                )
        )
    );

-- Written by functions only.
grant select on public.reservations, public.reservation_details, public.reservation_guests to authenticated;
grant select, insert, update, delete on public.reservations, public.reservation_details, public.reservation_guests
    to service_role;

-- A booking moved to another organisation would be two different events to two audiences, and its old watchers would
-- read where it went; a new id would be a booking that nobody cancelled.
create function app.keep_reservation_identity()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if (new.id, new.organization_id) is distinct from (old.id, old.organization_id) then
        perform app.fail('INVALID_STATE', 'A booking keeps its id and its organization.', 409);
    end if;
    return new;
end;
$$;
create trigger keep_identity before update of id, organization_id on public.reservations
    for each row execute function app.keep_reservation_identity();

create trigger zz_touch before update on public.reservations
    for each row when (old.* is distinct from new.*) execute function app.touch();

-- Notes and guests have the reservation's version, whoever writes them: an ETag that outlives a change of them would let
-- two people overwrite each other. Where this transaction changed the row itself, that has counted already.
create function app.count_details_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op <> 'UPDATE' or new.* is distinct from old.* then
        update public.reservations r
        set updated_at = now()
        where r.id in (old.reservation_id, new.reservation_id) and r.updated_at <> now();
    end if;
    return null;
end;
$$;
create trigger version_counts_details after insert or update or delete on public.reservation_details
    for each row execute function app.count_details_change();
create trigger version_counts_guests after insert or update or delete on public.reservation_guests
    for each row execute function app.count_details_change();

-- Deleting a person in the dashboard must not fail, and must not leave assets blocked for nobody: what has not ended is
-- cancelled, what has stays without a name (the foreign key above).
create function app.release_bookings_of_deleted_person()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.reservations r
    set status = 'canceled', canceled_at = now()
    where r.user_id = old.id and r.end_date > now()
        and (r.status = 'hold' or app.holds_slot(r.status));
    return old;
end;
$$;
create trigger release_bookings before delete on public.profiles
    for each row execute function app.release_bookings_of_deleted_person();

-- The app's existing listeners. A platform without that publication has no such listeners.
do $$
begin
    if exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables)
        and not exists (
            select from pg_publication_tables
            where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'reservations'
        )
    then
        alter publication supabase_realtime add table public.reservations;
    end if;
end;
$$;
