-- How long in one go, and how often in a row: bookings of one asset that follow each other are looked at together, so
-- that neither parting a stay nor filling the gap in its middle evades a limit.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The unbroken run of the asset's days (weekends) that this booking is part of, with the person's other bookings before
-- and after it. A run goes on over at most p_gap unused days (weekends); looked at are p_reach days before and after this
-- booking. A weekend is its Saturday and its Sunday, counted in steps of seven days: no year has an end here. No row where
-- the booking touches no weekend.
create function app.own_run(p_case app.booking_case, p_unit text, p_gap integer, p_reach integer)
returns table (first_day date, last_day date, total bigint, requested bigint)
language sql
stable
parallel safe
as $$
    with bounds as (
        select (p_case.start_date at time zone p_case.time_zone)::date as first_day,
            ((p_case.end_date - interval '1 microsecond') at time zone p_case.time_zone)::date as last_day
    ),
    spans as (
        select (o.start_date at time zone o.time_zone)::date as first_day,
            ((o.end_date - interval '1 microsecond') at time zone o.time_zone)::date as last_day, false as is_this
        from bounds b
        cross join lateral app.own_bookings(p_case, b.first_day - p_reach, b.last_day + p_reach, 'asset') o
        union all
        select b.first_day, b.last_day, true from bounds b
    ),
    days as (
        -- Counted from a Saturday before all that can be booked.
        select s.is_this, s.first_day + n.nth - date '1969-12-27' as day
        from spans s
        cross join lateral generate_series(0, s.last_day - s.first_day) as n(nth)
    ),
    steps as (
        select k.step, bool_or(d.is_this) as is_this, bool_and(d.is_this) as is_new
        from days d
        cross join lateral (select case p_unit when 'weekends' then d.day / 7 else d.day end) as k(step)
        where p_unit = 'days' or d.day % 7 < 2
        group by k.step
    ),
    breaks as (
        select s.*, s.step - lag(s.step) over (order by s.step) - 1 > p_gap as is_break from steps s
    ),
    runs as (
        select b.*, count(*) filter (where b.is_break) over (order by b.step) as run from breaks b
    )
    select
        date '1969-12-27' + min(r.step) * (case p_unit when 'weekends' then 7 else 1 end),
        date '1969-12-27' + max(r.step) * (case p_unit when 'weekends' then 7 else 1 end)
            + (case p_unit when 'weekends' then 1 else 0 end),
        count(*), count(*) filter (where r.is_new)
    from runs r
    group by r.run
    having bool_or(r.is_this)
$$;

-- {max, gap_days}: the days of this booking and of the own ones that are joined to it by at most gap_days unused days
-- exceed max, each day that is used counted once.
create function app.max_consecutive_days_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_max integer := (p_conditions ->> 'max')::numeric;
    v_gap integer := coalesce((p_conditions ->> 'gap_days')::numeric, 0);
    -- A run that goes on beyond this reach has more than v_max days within it.
    v_reach integer := (v_max + 1) * (v_gap + 1);
    v_run record;
begin
    -- Most bookings are far from it.
    if (
        select u.most
        from app.most_use(p_case, 'days', 'asset', app.first_day(p_case) - v_reach, app.last_day(p_case) + v_reach) u
    ) <= v_max then
        return null;
    end if;
    select * into v_run from app.own_run(p_case, 'days', v_gap, v_reach) r;
    if v_run.total <= v_max then
        return null;
    end if;
    return app.finding(
        'max_consecutive_days',
        format(
            'At most %s in one go; with this booking it would be %s from %s to %s.',
            app.count_words(v_max, 'day'), v_run.total, app.date_words(v_run.first_day), app.date_words(v_run.last_day)
        ),
        jsonb_build_object(
            'max', v_max, 'gap_days', v_gap, 'unit', 'days', 'period_start', v_run.first_day, 'period_end', v_run.last_day,
            'used', v_run.total - v_run.requested, 'requested', v_run.requested, 'total', v_run.total
        )
    );
end;
$$;

-- {count, unit}: the own streak on the asset, this booking included, reaches count weekends or days. Of a streak that is
-- longer still, the count goes no further than it has to.
create function app.consecutive_booking_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_count integer := (p_conditions ->> 'count')::numeric;
    v_unit text := p_conditions ->> 'unit';
    v_reach integer := case v_unit when 'weekends' then 7 else 1 end * (v_count + 1);
    v_run record;
begin
    -- Each weekend takes at least one day.
    if (
        select u.most
        from app.most_use(p_case, 'days', 'asset', app.first_day(p_case) - v_reach, app.last_day(p_case) + v_reach) u
    ) < v_count then
        return null;
    end if;
    select * into v_run from app.own_run(p_case, v_unit, 0, v_reach) r;
    if v_run.total is null or v_run.total < v_count then
        return null;
    end if;
    return app.finding(
        'consecutive_booking',
        format(
            'Fewer than %s in a row; with this booking it would be %s from %s to %s.',
            app.count_words(v_count, rtrim(v_unit, 's')), v_run.total, app.date_words(v_run.first_day),
            app.date_words(v_run.last_day)
        ),
        jsonb_build_object(
            'count', v_count, 'unit', v_unit, 'period_start', v_run.first_day, 'period_end', v_run.last_day,
            'used', v_run.total - v_run.requested, 'requested', v_run.requested, 'total', v_run.total
        )
    );
end;
$$;
