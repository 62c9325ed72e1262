-- How much of a period one may use.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The local days on which a time uses something, counted in this unit: a night belongs to the day on which it begins, a
-- booking as such to the day on which it begins. The last one lies before the first where nothing is used (no night).
create function app.last_used_day(p_unit text, p_start timestamptz, p_end timestamptz, p_zone text)
returns date
language sql
stable
parallel safe
as $$
    select case p_unit
        when 'count' then (p_start at time zone p_zone)::date
        when 'nights' then (p_end at time zone p_zone)::date - 1
        else ((p_end - interval '1 microsecond') at time zone p_zone)::date
    end
$$;

-- What the person uses on each local day from p_from to p_to: by the other bookings, and with this one. Hours are in
-- seconds here, clipped to the day's own beginning and end, so that days of 23 and 25 hours are what they are. A day (a
-- night) of one asset counts once, however many bookings share it; of two assets it counts twice.
create function app.daily_use(p_case app.booking_case, p_unit text, p_scope text, p_from date, p_to date)
returns table (day date, used numeric, total numeric)
language sql
stable
parallel safe
as $$
    with counted as (
        select o.asset_id, o.time_zone, o.start_date, o.end_date, false as is_this
        from app.own_bookings(p_case, p_from, p_to, p_scope) o
        union all
        select p_case.asset_id, p_case.time_zone, p_case.start_date, p_case.end_date, true
    ),
    -- Materialized, so that each day below does not reckon them again.
    spans as materialized (
        select c.*, (c.start_date at time zone c.time_zone)::date as first_day,
            app.last_used_day(p_unit, c.start_date, c.end_date, c.time_zone) as last_day
        from counted c
    ),
    -- As a column and not as a relation, which would be set up for each of them.
    touched as (
        select s.*, s.first_day + generate_series(
            greatest(p_from - s.first_day, 0), least(s.last_day, p_to) - s.first_day
        ) as day
        from spans s
    ),
    days as (
        select t.asset_id, t.is_this, t.day,
            case
                when p_unit = 'hours' then extract(epoch from
                    least(t.end_date, app.day_start(t.day + 1, t.time_zone))
                    - greatest(t.start_date, app.day_start(t.day, t.time_zone)))
                else 1
            end as amount
        from touched t
    ),
    by_asset as (
        select d.day,
            case when p_unit in ('days', 'nights') then max(d.amount) filter (where not d.is_this)
                else sum(d.amount) filter (where not d.is_this) end as used,
            case when p_unit in ('days', 'nights') then max(d.amount) else sum(d.amount) end as total
        from days d
        group by d.asset_id, d.day
    )
    select b.day, coalesce(sum(b.used), 0), sum(b.total) from by_asset b group by b.day
$$;

-- {amount, unit, period, scope}: the use of each period that this booking touches, this one included, exceeds the
-- amount. The fullest period is told of, the first of equals. A rolling year is any 365 days in a row that this booking
-- is in, those that begin later and hold later bookings included.
-- One plan for all calls, as in the triggers after this one: to plan anew takes longer than to count.
create function app.quota_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_unit text := p_conditions ->> 'unit';
    v_period text := p_conditions ->> 'period';
    v_scope text := p_conditions ->> 'scope';
    v_each numeric := case v_unit when 'hours' then 3600 else 1 end;
    v_first date := (p_case.start_date at time zone p_case.time_zone)::date;
    v_last date := app.last_used_day(v_unit, p_case.start_date, p_case.end_date, p_case.time_zone);
    v_from date := case v_period when 'rolling_365' then v_first - 364 else date_trunc(v_period, v_first::timestamp)::date end;
    v_to date := case v_period when 'rolling_365' then v_last + 364
        else (date_trunc(v_period, v_last::timestamp) + ('1 ' || v_period)::interval)::date - 1 end;
    v_worst record;
begin
    -- Most bookings are far from their quota.
    if v_last < v_first
        or (select u.most from app.most_use(p_case, v_unit, v_scope, v_from, v_to) u) <= (p_conditions ->> 'amount')::numeric * v_each
    then
        return null;
    end if;
    if v_period = 'rolling_365' then
        -- The fullest year can be moved on to begin on a day of use: no other beginnings need to be tried.
        select y.day as period_start, y.day + 364 as period_end, y.used, y.total into v_worst
        from (
            select u.day, sum(u.used) over year_from as used, sum(u.total) over year_from as total
            from app.daily_use(p_case, v_unit, v_scope, v_from, v_to) u
            window year_from as (order by u.day - date '1970-01-01' range between current row and 364 following)
        ) y
        where y.day <= v_last
        order by y.total desc, y.day
        limit 1;
    else
        select date_trunc(v_period, u.day::timestamp)::date as period_start,
            (date_trunc(v_period, u.day::timestamp) + ('1 ' || v_period)::interval)::date - 1 as period_end,
            sum(u.used) as used, sum(u.total) as total
        into v_worst
        from app.daily_use(p_case, v_unit, v_scope, v_from, v_to) u
        group by 1, 2
        order by 4 desc, 1
        limit 1;
    end if;
    if v_worst.total <= (p_conditions ->> 'amount')::numeric * v_each then
        return null;
    end if;
    return app.quota_refusal(
        p_conditions, p_case.section, v_worst.period_start, v_worst.period_end, v_worst.used / v_each, v_worst.total / v_each
    );
end;
$$;

-- What a booking that exceeds its quota is told.
create function app.quota_refusal(
    p_conditions jsonb, p_section public.asset_section, p_from date, p_to date, p_used numeric, p_total numeric
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_word text := case p_conditions ->> 'unit' when 'count' then 'booking' else rtrim(p_conditions ->> 'unit', 's') end;
    -- Of seconds, hundredths of an hour are told.
    v_used numeric := trim_scale(round(p_used, 2));
    v_total numeric := trim_scale(round(p_total, 2));
begin
    return app.finding(
        'quota',
        format(
            'At most %s %s; with this booking it would be %s from %s to %s.',
            app.count_words((p_conditions ->> 'amount')::numeric, v_word),
            case p_conditions ->> 'period' when 'rolling_365' then 'in 365 days' else 'a ' || (p_conditions ->> 'period') end,
            v_total, app.date_words(p_from), app.date_words(p_to)
        ),
        p_conditions || jsonb_build_object(
            'section', p_section, 'period_start', p_from, 'period_end', p_to,
            'used', v_used, 'requested', v_total - v_used, 'total', v_total
        )
    );
end;
$$;
