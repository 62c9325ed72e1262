-- How much the assets of an organisation are used.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The bookings of a window, cut at its ends (and at the organisation's months, where these are asked for), under the key
-- that they are grouped by. Approved and completed ones: what is still to be decided is no use.
create function app.utilization_rows(
    p_organization_id uuid, p_from timestamptz, p_to timestamptz, p_group_by text, p_section public.asset_section
)
returns table (
    key text, label text, bookings integer, hours numeric, days integer, nights integer, maintenance_hours numeric,
    capacity_hours numeric
)
language sql
stable
set search_path = ''
as $$
    with period as (
        -- Each month begins at its local midnight; without months the window is all of one piece.
        select to_char(m.starts, 'YYYY-MM') as key, span.begins, span.ends
        from public.organizations o
        cross join lateral (
            select s.starts, s.starts + interval '1 month' as ends
            from generate_series(
                date_trunc('month', p_from at time zone o.timezone), p_to at time zone o.timezone, '1 month'
            ) as s(starts)
            where p_group_by = 'month'
        ) m
        cross join lateral (
            select greatest(m.starts at time zone o.timezone, p_from) as begins,
                least(m.ends at time zone o.timezone, p_to) as ends
        ) span
        where o.id = p_organization_id and span.begins < span.ends
        union all
        select null, p_from, p_to where p_group_by <> 'month'
    ), asset as (
        select a.id, a.name, a.section, a.timezone, coalesce(a.deleted_at, 'infinity') as gone_at
        from public.assets a
        where a.organization_id = p_organization_id and (p_section is null or a.section = p_section)
            and (a.deleted_at is null or a.deleted_at > p_from)
    ), cell as (
        select a.*, p.begins, p.ends, p.key as month,
            case p_group_by when 'asset' then a.id::text when 'section' then a.section::text when 'month' then p.key end as key
        from asset a cross join period p
    ), booking as (
        select r.id, r.user_id, r.asset_id, r.start_date, r.end_date
        from public.reservations r
        where r.organization_id = p_organization_id and r.status in ('approved', 'completed')
            -- A booking takes 366 days at most: the index is read between two bounds.
            and r.end_date > p_from and r.end_date < p_to + interval '8784 hours' and r.start_date < p_to
    ), use as (
        select
            b.id, b.asset_id, c.timezone, greatest(b.start_date, c.begins) as begins, least(b.end_date, c.ends) as ends,
            case when p_group_by = 'member' then coalesce(b.user_id::text, '') else c.key end as key
        from booking b
        join cell c on c.id = b.asset_id and b.start_date < c.ends and b.end_date > c.begins
    ), used as (
        select
            coalesce(u.key, '') as key, count(*)::integer as bookings,
            sum(extract(epoch from u.ends - u.begins)) as seconds,
            sum((u.ends at time zone u.timezone)::date - (u.begins at time zone u.timezone)::date)::integer as nights
        from use u
        group by 1
    ), days_used as (
        -- Two bookings of an asset on one of its local days make one day.
        select coalesce(u.key, '') as key, count(distinct (u.asset_id, d.day))::integer as days
        from use u
        cross join lateral generate_series(
            (u.begins at time zone u.timezone)::date::timestamp,
            ((u.ends - interval '1 microsecond') at time zone u.timezone)::date::timestamp, '1 day'
        ) as d(day)
        group by 1
    ), offered as (
        select
            coalesce(c.key, '') as key, min(c.name) as name,
            sum(extract(epoch from greatest(least(c.ends, c.gone_at), c.begins) - c.begins)) as seconds,
            sum(m.seconds) as maintenance
        from cell c
        cross join lateral (
            select coalesce(sum(extract(epoch from least(upper(o.occupied), c.ends) - greatest(lower(o.occupied), c.begins))), 0)
                as seconds
            from app.occupancy o
            where o.asset_id = c.id and o.kind = 'maintenance' and o.occupied && tstzrange(c.begins, c.ends)
        ) m
        group by 1
    ), total as (
        select sum(o.seconds) as seconds from offered o
    )
    select
        nullif(coalesce(u.key, o.key), ''),
        case p_group_by
            when 'asset' then o.name
            when 'member' then app.person_name(nullif(u.key, '')::uuid)
            else nullif(coalesce(u.key, o.key), '')
        end,
        coalesce(u.bookings, 0), coalesce(round(u.seconds / 3600, 2), 0), coalesce(d.days, 0), coalesce(u.nights, 0),
        case when p_group_by <> 'member' then round(o.maintenance / 3600, 2) end,
        -- Of a member's share: all that there was to be had.
        coalesce(round(case when p_group_by = 'member' then t.seconds else o.seconds end / 3600, 2), 0)
    from used u
    full join (select * from offered where p_group_by <> 'member') o on o.key = u.key
    left join days_used d on d.key = u.key
    cross join total t
$$;

create function app.utilization_json(
    p_bookings integer, p_hours numeric, p_days integer, p_nights integer, p_maintenance_hours numeric,
    p_capacity_hours numeric
)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select jsonb_build_object(
        'bookings', p_bookings, 'hours', p_hours, 'days', p_days, 'nights', p_nights,
        'maintenance_hours', p_maintenance_hours, 'capacity_hours', p_capacity_hours,
        'utilization', coalesce(round(p_hours / nullif(p_capacity_hours, 0), 4), 0)
    )
$$;

-- How much of a window the assets were booked, for managers and above: by asset, member, section or month. `utilization`
-- is booked hours over all hours of the window; maintenance stands beside it and is in neither.
create function public.utilization_report(
    p_organization_id uuid, p_from timestamptz, p_to timestamptz, p_group_by text default 'asset',
    p_section public.asset_section default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_errors jsonb := app.range_errors(p_from, p_to, 'from', 'to');
begin
    perform app.require_member(p_organization_id, 'manager');
    if v_errors = '[]' and p_to - p_from > interval '1830 days' then
        v_errors := jsonb_build_array(app.field_error(
            'to', 'range_too_long', 'A report covers 1830 days at most.', '{"max_days": 1830}'
        ));
    end if;
    if p_group_by is null or p_group_by not in ('asset', 'member', 'section', 'month') then
        v_errors := v_errors || app.field_error(
            'group_by', 'enum', 'This must be asset, member, section or month.',
            '{"expected": ["asset", "member", "section", "month"]}'
        );
    end if;
    perform app.fail_fields(v_errors);
    return (
        select jsonb_build_object(
            'organization_id', o.id, 'from', app.utc(p_from), 'to', app.utc(p_to), 'time_zone', o.timezone,
            'group_by', p_group_by, 'section', p_section,
            'rows', (
                select coalesce(jsonb_agg(
                    jsonb_build_object('key', r.key, 'label', r.label) || app.utilization_json(
                        r.bookings, r.hours, r.days, r.nights, r.maintenance_hours, r.capacity_hours
                    )
                    -- Months as they come, everything else by how much it is used.
                    order by case when p_group_by = 'month' then r.key end, r.hours desc, r.label, r.key
                ), '[]')
                from app.utilization_rows(p_organization_id, p_from, p_to, p_group_by, p_section) r
            ),
            -- Counted by themselves: a booking of two months is one booking.
            'totals', (
                select app.utilization_json(
                    coalesce(sum(t.bookings)::integer, 0), coalesce(sum(t.hours), 0), coalesce(sum(t.days)::integer, 0),
                    coalesce(sum(t.nights)::integer, 0), coalesce(sum(t.maintenance_hours), 0),
                    coalesce(sum(t.capacity_hours), 0)
                )
                from app.utilization_rows(p_organization_id, p_from, p_to, 'asset', p_section) t
            )
        )
        from public.organizations o
        where o.id = p_organization_id
    );
end;
$$;
grant execute on function public.utilization_report(uuid, timestamptz, timestamptz, text, public.asset_section) to authenticated;
