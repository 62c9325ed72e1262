-- When a rule of each type is triggered: null, or {code, message, params}. Those that count one's own bookings stand in
-- the migrations after these. Conditions are valid here: triggers of the table have seen to it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.finding(p_code text, p_message text, p_params jsonb)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select jsonb_build_object('code', p_code, 'message', p_message, 'params', p_params)
$$;

-- 'on 1 May 2031', or 'from 1 May 2031 to 3 May 2031'.
create function app.days_words(p_first date, p_last date)
returns text
language sql
stable
parallel safe
set search_path = ''
as $$
    select case when p_first = p_last then 'on ' || app.date_words(p_first)
        else format('from %s to %s', app.date_words(p_first), app.date_words(p_last)) end
$$;

-- The first occurrence of the range that the booking overlaps, by even one local day.
create function app.date_range_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_first date := app.first_day(p_case);
    v_last date := app.last_day(p_case);
    v_start_month_day text := p_conditions ->> 'start_month_day';
    v_end_month_day text := p_conditions ->> 'end_month_day';
    v_start date := (p_conditions ->> 'start_date')::date;
    v_end date := (p_conditions ->> 'end_date')::date;
    v_found boolean := v_start <= v_last and v_end >= v_first;
    v_year integer;
begin
    if v_start_month_day is not null then
        -- From the year before, because a range that ends earlier in the year than it begins ends in the next one.
        for v_year in extract(year from v_first)::integer - 1 .. extract(year from v_last)::integer loop
            v_start := app.month_day_date(v_start_month_day, v_year);
            v_end := app.month_day_date(
                v_end_month_day, v_year + case when v_end_month_day < v_start_month_day then 1 else 0 end
            );
            v_found := v_start <= v_last and v_end >= v_first;
            exit when v_found;
        end loop;
    end if;
    if not v_found then
        return null;
    end if;
    return app.finding(
        'date_range',
        format('There is a rule for bookings %s, and this booking touches those days.', app.days_words(v_start, v_end)),
        jsonb_build_object('start_date', v_start, 'end_date', v_end)
    );
end;
$$;

-- The first of the holidays that the booking touches, with the days before and after.
create function app.holiday_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_before integer := coalesce((p_conditions ->> 'days_before')::numeric, 0);
    v_after integer := coalesce((p_conditions ->> 'days_after')::numeric, 0);
    -- '["a", "b"]' as '{a, b}'. Variables all of them: queries see through app.holiday_dates, and would ask for each row.
    v_ids uuid[] := translate(p_conditions ->> 'holiday_ids', '[]"', '{}')::uuid[];
    v_from date := app.first_day(p_case) - v_after;
    v_to date := app.last_day(p_case) + v_before;
    v_holiday record;
begin
    select h.* into v_holiday
    from app.holiday_dates(v_ids, v_from, v_to) h
    order by h.date, h.holiday_id
    limit 1;
    if not found then
        return null;
    end if;
    return app.finding(
        'holiday',
        format(
            'There is a rule for bookings around %s (%s), and this booking touches the days %s.',
            v_holiday.name, app.date_words(v_holiday.date),
            app.days_words(v_holiday.date - v_before, v_holiday.date + v_after)
        ),
        jsonb_build_object(
            'holiday_id', v_holiday.holiday_id, 'name', v_holiday.name, 'name_es', v_holiday.name_es,
            'date', v_holiday.date, 'days_before', v_before, 'days_after', v_after,
            'start_date', v_holiday.date - v_before, 'end_date', v_holiday.date + v_after
        )
    );
end;
$$;

-- Notice is asked for once: not of a booking whose start and asset stand already.
create function app.lead_time_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_hours integer := (p_conditions ->> 'min_hours')::numeric;
    v_minutes bigint;
begin
    if not p_case.starts_anew or p_case.start_date >= now() + make_interval(hours => v_hours) then
        return null;
    end if;
    v_minutes := greatest(floor(extract(epoch from p_case.start_date - now()) / 60), 0);
    return app.finding(
        'lead_time',
        format(
            'Bookings are made at least %s ahead; this one begins in %s.',
            app.count_words(v_hours, 'hour'), app.minutes_words(v_minutes)
        ),
        jsonb_build_object(
            'min_hours', v_hours, 'minutes_ahead', v_minutes,
            'earliest_start', app.utc(now() + make_interval(hours => v_hours))
        )
    );
end;
$$;

create function app.advance_window_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_days integer := (p_conditions ->> 'max_days')::numeric;
    v_latest date := app.local_day(now(), p_case.time_zone) + v_days;
begin
    if not p_case.starts_anew or app.first_day(p_case) <= v_latest then
        return null;
    end if;
    return app.finding(
        'advance_window',
        format(
            'Bookings are made at most %s ahead, so for now until %s; this one begins on %s.',
            app.count_words(v_days, 'day'), app.date_words(v_latest), app.date_words(app.first_day(p_case))
        ),
        jsonb_build_object('max_days', v_days, 'latest_date', v_latest, 'start_date', app.first_day(p_case))
    );
end;
$$;

-- Minutes are minutes that pass, also when clocks change; nights are differences of local dates.
create function app.duration_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_length interval := p_case.end_date - p_case.start_date;
    v_min integer := (p_conditions ->> 'min_minutes')::numeric;
    v_max integer := (p_conditions ->> 'max_minutes')::numeric;
    v_max_nights integer := (p_conditions ->> 'max_nights')::numeric;
    v_minutes bigint;
    v_nights integer;
begin
    if v_length < make_interval(mins => v_min) or v_length > make_interval(mins => v_max) then
        v_minutes := floor(extract(epoch from v_length) / 60);
        if v_minutes < v_min then
            return app.finding(
                'duration_too_short',
                format(
                    'A booking takes at least %s; this one takes %s.',
                    app.minutes_words(v_min), app.minutes_words(v_minutes)
                ),
                jsonb_build_object('min_minutes', v_min, 'minutes', v_minutes)
            );
        end if;
        return app.finding(
            'duration_too_long',
            format(
                'A booking takes at most %s; this one takes %s.', app.minutes_words(v_max), app.minutes_words(v_minutes)
            ),
            jsonb_build_object('max_minutes', v_max, 'minutes', v_minutes)
        );
    end if;
    if v_max_nights is null then
        return null;
    end if;
    v_nights := app.local_day(p_case.end_date, p_case.time_zone) - app.first_day(p_case);
    if v_nights <= v_max_nights then
        return null;
    end if;
    return app.finding(
        'too_many_nights',
        format('A stay has at most %s; this one has %s.', app.count_words(v_max_nights, 'night'), v_nights),
        jsonb_build_object('max_nights', v_max_nights, 'nights', v_nights)
    );
end;
$$;

-- Always: a person looks at each booking, for the reason that the description gives.
create function app.custom_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select app.finding(
        'custom', p_conditions ->> 'description', jsonb_build_object('description', p_conditions ->> 'description')
    )
$$;

create function app.rule_trigger(p_case app.booking_case, p_type public.rule_type, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return case p_type
        when 'date_range' then app.date_range_trigger(p_case, p_conditions)
        when 'holiday' then app.holiday_trigger(p_case, p_conditions)
        when 'lead_time' then app.lead_time_trigger(p_case, p_conditions)
        when 'advance_window' then app.advance_window_trigger(p_case, p_conditions)
        when 'duration' then app.duration_trigger(p_case, p_conditions)
        when 'max_consecutive_days' then app.max_consecutive_days_trigger(p_case, p_conditions)
        when 'quota' then app.quota_trigger(p_case, p_conditions)
        when 'consecutive_booking' then app.consecutive_booking_trigger(p_case, p_conditions)
        when 'concurrent_booking' then app.concurrent_booking_trigger(p_case, p_conditions)
        when 'max_open' then app.max_open_trigger(p_case, p_conditions)
        when 'custom' then app.custom_trigger(p_case, p_conditions)
    end;
end;
$$;

-- A violation as all answers carry it. What has no rule cannot be set aside.
create function app.violation(
    p_rule_type text, p_finding jsonb, p_effect text default 'deny', p_rule_id uuid default null,
    p_rule_name text default null, p_rule_version integer default null, p_overridable boolean default false
)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select p_finding || jsonb_build_object(
        'ruleId', p_rule_id, 'ruleType', p_rule_type, 'ruleName', p_rule_name, 'ruleVersion', p_rule_version,
        'effect', p_effect, 'overridable', p_overridable
    )
$$;

-- Each blackout that the booking touches, by even one local day.
create function app.blackout_violations(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(
            jsonb_agg(
                app.violation('blackout', app.finding(
                    'blackout',
                    format(
                        'No bookings are taken %s%s.', app.days_words(b.start_date, b.end_date),
                        ' (' || nullif(btrim(b.reason), '') || ')'
                    ),
                    jsonb_build_object(
                        'blackout_id', b.id, 'start_date', b.start_date, 'end_date', b.end_date, 'reason', b.reason
                    )
                ))
                order by b.start_date, b.id
            ),
            '[]'
        )
        from public.blackout_dates b
        where b.organization_id = p_case.organization_id
            and b.end_date >= app.first_day(p_case) and b.start_date <= app.last_day(p_case)
            and (b.tier_id is null or b.tier_id = p_case.tier_id)
            and (b.asset_id is null or b.asset_id = p_case.asset_id)
    );
end;
$$;

-- A residence's guests arrive after check-in and leave before check-out. Who stays no night leaves on the day of
-- arrival, after check-in, so before nobody else's arrival: check-out is not asked of them.
create function app.check_in_violations(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_arrival timestamp := p_case.start_date at time zone p_case.time_zone;
    v_departure timestamp := p_case.end_date at time zone p_case.time_zone;
    v_check_in time;
    v_check_out time;
    v_violations jsonb := '[]';
begin
    if p_case.section <> 'residences' then
        return '[]';
    end if;
    select a.check_in, a.check_out into v_check_in, v_check_out from public.assets a where a.id = p_case.asset_id;
    if v_arrival::time < v_check_in then
        v_violations := v_violations || app.violation('check_in', app.finding(
            'before_check_in',
            format(
                'Check-in is from %s; this stay begins at %s.', to_char(v_check_in, 'HH24:MI'), to_char(v_arrival, 'HH24:MI')
            ),
            jsonb_build_object('check_in', to_char(v_check_in, 'HH24:MI'), 'start_time', to_char(v_arrival, 'HH24:MI'))
        ));
    end if;
    if v_departure::time > v_check_out and v_departure::date > v_arrival::date then
        v_violations := v_violations || app.violation('check_in', app.finding(
            'after_check_out',
            format(
                'Check-out is until %s; this stay ends at %s.',
                to_char(v_check_out, 'HH24:MI'), to_char(v_departure, 'HH24:MI')
            ),
            jsonb_build_object('check_out', to_char(v_check_out, 'HH24:MI'), 'end_time', to_char(v_departure, 'HH24:MI'))
        ));
    end if;
    return v_violations;
end;
$$;
