-- One row of figures an organisation, refreshed by the schedule alone: never by triggers, never by a tenant's request.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Each relation is counted by itself and then joined: joined first, every count would be multiplied by the others.
-- By section, because a member whose tier hides a section must not learn its figures from a sum.
create view app.organization_figures as
with assets as (
    select a.organization_id, a.section, count(*) as assets
    from public.assets a
    where a.deleted_at is null
    group by a.organization_id, a.section
), bookings as (
    select
        r.organization_id, a.section,
        count(*) filter (where r.status = 'approved' and r.start_date > now()) as upcoming,
        count(*) filter (where r.status = 'pending') as pending
    from public.reservations r
    join public.assets a on a.id = r.asset_id
    where (r.status = 'approved' and r.start_date > now()) or r.status = 'pending'
    group by r.organization_id, a.section
), members as (
    select m.organization_id, count(*) as members
    from public.organization_members m
    group by m.organization_id
), sections as (
    select
        o.id as organization_id,
        sum(coalesce(a.assets, 0))::integer as asset_count,
        sum(coalesce(b.upcoming, 0))::integer as upcoming_bookings,
        sum(coalesce(b.pending, 0))::integer as pending_approvals,
        jsonb_object_agg(s.section, coalesce(a.assets, 0)) as assets_by_section,
        jsonb_object_agg(s.section, coalesce(b.upcoming, 0)) as upcoming_by_section,
        jsonb_object_agg(s.section, coalesce(b.pending, 0)) as pending_by_section
    from public.organizations o
    cross join unnest(enum_range(null::public.asset_section)) as s(section)
    left join assets a on a.organization_id = o.id and a.section = s.section
    left join bookings b on b.organization_id = o.id and b.section = s.section
    group by o.id
)
select s.organization_id, coalesce(m.members, 0)::integer as member_count, s.asset_count, s.upcoming_bookings,
    s.pending_approvals, s.assets_by_section, s.upcoming_by_section, s.pending_by_section
from sections s
left join members m on m.organization_id = s.organization_id;

create materialized view app.mv_organization_stats as select * from app.organization_figures;
-- Without it the refresh could not be concurrent, and would lock every reader out. The view is new: nobody waits.
-- squawk-ignore require-concurrent-index-creation
create unique index mv_organization_stats_organization on app.mv_organization_stats (organization_id);

-- When the view was last refreshed. Not a column of the view: each refresh would then rewrite every row.
create table app.stats_refreshed (
    only_row boolean primary key default true check (only_row),
    as_of timestamptz not null
);
alter table app.stats_refreshed enable row level security;
insert into app.stats_refreshed (as_of) values (now());

create function public.refresh_organization_stats()
returns timestamptz
language plpgsql
security definer
set search_path = ''
set lock_timeout = '30s'
as $$
declare
    v_as_of timestamptz;
begin
    -- Before the view, so that two schedules at once refresh one after the other, in the order of their times. With a
    -- condition: hosted Supabase lets no request through the API update without one, in functions neither.
    update app.stats_refreshed set as_of = clock_timestamp() where only_row returning as_of into v_as_of;
    refresh materialized view concurrently app.mv_organization_stats;
    return v_as_of;
end;
$$;
grant execute on function public.refresh_organization_stats() to service_role;

-- The sum over the sections that one may see.
create function app.sum_of(p_by_section jsonb, p_sections public.asset_section[])
returns integer
language sql
immutable
set search_path = ''
as $$
    select coalesce(sum(e.value::integer), 0)::integer
    from jsonb_each_text(p_by_section) e
    where p_sections is null or e.key = any (p_sections::text[])
$$;

-- The organisation's figures as of the last refresh, of the sections that the caller may see. One that is younger than
-- that is counted now: it is small.
create function public.organization_stats(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_sections public.asset_section[];
    v_stats record;
    v_as_of timestamptz;
begin
    perform app.require_member(p_organization_id);
    v_sections := app.visible_sections(p_organization_id);
    select * into v_stats from app.mv_organization_stats s where s.organization_id = p_organization_id;
    if found then
        select r.as_of into v_as_of from app.stats_refreshed r;
    else
        v_as_of := now();
        select * into v_stats from app.organization_figures f where f.organization_id = p_organization_id;
    end if;
    return jsonb_build_object(
        'organization_id', p_organization_id,
        'member_count', v_stats.member_count,
        'asset_count', app.sum_of(v_stats.assets_by_section, v_sections),
        'upcoming_bookings', app.sum_of(v_stats.upcoming_by_section, v_sections),
        'pending_approvals', app.sum_of(v_stats.pending_by_section, v_sections),
        'assets_by_section', (
            select coalesce(jsonb_object_agg(e.key, e.value), '{}')
            from jsonb_each(v_stats.assets_by_section) e
            where v_sections is null or e.key = any (v_sections::text[])
        ),
        'as_of', app.utc(v_as_of)
    );
end;
$$;
grant execute on function public.organization_stats(uuid) to authenticated;

-- Once a minute where Supabase has pg_cron; elsewhere whoever runs the schedules calls it with the service key.
do $$
begin
    if exists (select from pg_available_extensions where name = 'pg_cron') then
        create extension if not exists pg_cron;
        perform cron.schedule('refresh-organization-stats', '* * * * *', 'select public.refresh_organization_stats()');
    end if;
end;
$$;
