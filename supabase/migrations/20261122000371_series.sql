-- Series: bookings that one rule laid out. Its instances are reservations like any other, with a series_id; the series
-- keeps the rule that they came from, and app.series_instances which of them is which.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.reservation_series (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    asset_id uuid not null,
    user_id uuid references public.profiles (id) on delete set null,
    title text not null constraint reservation_series_title_length
        check (char_length(title) between 1 and 200 and btrim(title) <> ''),
    -- As it was asked for, with what has been split off taken from its COUNT. Never expanded again: the instances count.
    rrule text not null constraint reservation_series_rrule_length check (char_length(rrule) between 1 and 600),
    -- The asset's when the series was made or moved there: the zone in which its local times stay what they are.
    time_zone text not null,
    -- The first instance, in local time, and how long each is: from ten to six is eight hours on a day of 23, too.
    -- squawk-ignore prefer-timestamp-tz
    starts_at timestamp not null,
    duration interval not null constraint reservation_series_duration check (duration > interval '0'),
    -- squawk-ignore prefer-timestamp-tz
    exdates timestamp[] not null default '{}' constraint reservation_series_exdates check (cardinality(exdates) <= 366),
    -- How many days its instances lie after what the rule says, since all of them were moved.
    shifted_days integer not null default 0,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, organization_id),
    constraint reservation_series_asset_fkey foreign key (asset_id, organization_id) references public.assets (id, organization_id)
);
create index reservation_series_organization on public.reservation_series (organization_id, starts_at, id);
create index reservation_series_asset on public.reservation_series (asset_id);
create index reservation_series_user on public.reservation_series (user_id);
alter table public.reservation_series enable row level security;

create policy "members see the series of the sections that their tier allows" on public.reservation_series
    for select to authenticated
    using (
        organization_id = any (array(select app.member_organizations()))
        and (
            organization_id = any (array(select app.full_view_organizations()))
            or asset_id in (select app.section_view_assets())
        )
    );

-- Written by functions only.
grant select on public.reservation_series to authenticated;
grant select, insert, update, delete on public.reservation_series to service_role;

create trigger zz_touch before update on public.reservation_series
    for each row when (old.* is distinct from new.*) execute function app.touch();

-- Each time that the rule named, those that were left out too.
create table app.series_instances (
    series_id uuid not null references public.reservation_series (id) on delete cascade,
    -- From 1, in order; never given anew.
    place integer not null,
    -- The local time that it would have in any year: one that falls into a gap is an hour later on that day only.
    -- squawk-ignore prefer-timestamp-tz
    starts_at timestamp not null,
    -- Null where it was never booked.
    reservation_id uuid references public.reservations (id) on delete set null,
    -- What became of it when the series was made.
    outcome text not null constraint series_instances_outcome_known
        check (outcome in ('approved', 'pending', 'conflict', 'refused', 'excluded')),
    -- Moved by itself: it keeps its own time when the others move.
    detached boolean not null default false,
    primary key (series_id, place)
);
create unique index series_instances_reservation on app.series_instances (reservation_id);
alter table app.series_instances enable row level security;

-- Nothing could have been a series before there were any.
update public.reservations r set series_id = null where r.series_id is not null;
-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
alter table public.reservations add constraint reservations_series_fkey
    foreign key (series_id, organization_id) references public.reservation_series (id, organization_id)
    on delete set null (series_id);
-- squawk-ignore require-concurrent-index-creation
create index idx_reservations_series on public.reservations (series_id) where series_id is not null;

-- Trigger: the series has its instances' versions too, whoever changes them, so that an ETag of it does not outlive their
-- change; and an instance that was moved by itself is an exception from now on. A booking that is over changes nothing.
create function app.note_instance_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if (new.asset_id, new.start_date, new.end_date) is distinct from (old.asset_id, old.start_date, old.end_date) then
        update app.series_instances i set detached = true where i.reservation_id = new.id and not i.detached;
    end if;
    update public.reservation_series s
    set updated_at = now(),
        -- Whoever takes over the bookings of somebody who leaves has the series with them.
        user_id = case when new.user_id is distinct from old.user_id then coalesce(new.user_id, s.user_id) else s.user_id end
    where s.id = new.series_id
        and (s.updated_at <> now() or (new.user_id is distinct from old.user_id and s.user_id is distinct from new.user_id));
    return null;
end;
$$;
create trigger series_notes_its_instances after update on public.reservations
    for each row when (
        new.series_id is not null and old.* is distinct from new.*
        and not (new.status = 'completed' and old.status <> 'completed')
    )
    execute function app.note_instance_change();

-- As before, and looks before it writes: an UPDATE of no row calls the triggers of statements too, for each of fifty
-- guests of each of hundreds of instances.
create or replace function app.count_details_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if (tg_op <> 'UPDATE' or new.* is distinct from old.*) and exists (
        select from public.reservations r
        where r.id in (old.reservation_id, new.reservation_id) and r.updated_at <> now()
    ) then
        update public.reservations r
        set updated_at = now()
        where r.id in (old.reservation_id, new.reservation_id) and r.updated_at <> now();
    end if;
    return null;
end;
$$;

-- The series, if the caller may see it; else there is none. The same rule as the policy of the table.
create function app.visible_series(p_series_id uuid)
returns public.reservation_series
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.reservation_series;
    v_section public.asset_section;
    v_sections public.asset_section[];
begin
    if auth.uid() is null then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    select * into v_row from public.reservation_series s where s.id = p_series_id;
    select a.section into v_section from public.assets a where a.id = v_row.asset_id;
    v_sections := app.visible_sections(v_row.organization_id);
    if v_row.id is null or (v_sections is not null and v_section <> all (v_sections)) then
        perform app.fail('NOT_FOUND', 'There is no such series.', 404);
    end if;
    return v_row;
end;
$$;

-- The series, if the caller may change it: one's own, or anyone's for managers and above.
create function app.changeable_series(p_series_id uuid)
returns public.reservation_series
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservation_series := app.visible_series(p_series_id);
begin
    perform app.require_member(
        v_row.organization_id,
        case when v_row.user_id = auth.uid() then 'member' else 'manager' end::public.member_role
    );
    perform app.require_aal2(v_row.organization_id);
    return v_row;
end;
$$;

-- When an instance takes place: its local times in that zone. Where a gap would leave nothing between them, it is as long
-- as on any other day.
create function app.series_span(p_starts_at timestamp, p_duration interval, p_time_zone text)
returns tstzrange
language plpgsql
stable
set search_path = ''
as $$
declare
    v_start timestamptz := app.local_time(p_starts_at, p_time_zone);
    v_end timestamptz := app.local_time(p_starts_at + p_duration, p_time_zone);
begin
    if v_end <= v_start then
        v_end := v_start + make_interval(secs => extract(epoch from p_duration));
    end if;
    return tstzrange(v_start, v_end);
end;
$$;

-- The series as its own resource, with its instances: those that the caller may see, which may lie on other assets.
create function app.series_json(p_row public.reservation_series)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_sections public.asset_section[] := app.visible_sections(p_row.organization_id);
    v_span tstzrange := app.series_span(p_row.starts_at, p_row.duration, p_row.time_zone);
begin
    return jsonb_build_object(
        'id', p_row.id, 'organization_id', p_row.organization_id, 'asset_id', p_row.asset_id, 'user_id', p_row.user_id,
        'booked_by', app.person_name(p_row.user_id), 'title', p_row.title, 'rrule', p_row.rrule,
        'shifted_days', p_row.shifted_days, 'time_zone', p_row.time_zone,
        'start_date', app.utc(lower(v_span)), 'end_date', app.utc(upper(v_span)),
        'exdates', (
            select coalesce(jsonb_agg(app.utc(app.local_time(e.at, p_row.time_zone)) order by e.at), '[]')
            from unnest(p_row.exdates) as e(at)
        ),
        'version', p_row.version, 'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at),
        'instances', (
            select coalesce(jsonb_agg(
                jsonb_build_object(
                    'index', i.place, 'reservation_id', r.id, 'asset_id', coalesce(r.asset_id, p_row.asset_id),
                    'start_date', app.utc(coalesce(r.start_date, lower(planned.span))),
                    'end_date', app.utc(coalesce(r.end_date, upper(planned.span))),
                    'outcome', coalesce(r.status::text, i.outcome), 'detached', i.detached
                )
                order by i.place
            ), '[]')
            from app.series_instances i
            left join public.reservations r on r.id = i.reservation_id
            left join public.assets a on a.id = r.asset_id
            cross join lateral (
                select case when r.id is null then app.series_span(i.starts_at, p_row.duration, p_row.time_zone) end
            ) as planned(span)
            where i.series_id = p_row.id and (v_sections is null or r.id is null or a.section = any (v_sections))
        )
    );
end;
$$;

create function public.get_series(p_series_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return app.series_json(app.visible_series(p_series_id));
end;
$$;
grant execute on function public.get_series(uuid) to authenticated;
