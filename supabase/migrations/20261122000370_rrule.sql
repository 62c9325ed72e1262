-- Recurrence rules (RFC 5545, 3.3.10), read and expanded here and not in the BFF: whoever goes around it gets the same
-- refusals and the same times.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.rrule_error(p_code text, p_message text, p_params jsonb default null)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select app.field_error('rrule', p_code, p_message, p_params)
$$;

-- A list such as "1,-1,+15" whose numbers lie between 1 and p_max, counted from either end; null where it is none.
create function app.rrule_numbers(p_value text, p_max integer)
returns integer[]
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_numbers integer[];
begin
    if p_value !~ '^[+-]?[0-9]{1,3}(,[+-]?[0-9]{1,3})*$' then
        return null;
    end if;
    v_numbers := string_to_array(p_value, ',')::integer[];
    return case when 0 <> all (v_numbers) and p_max >= all (v_numbers) and -p_max <= all (v_numbers) then v_numbers end;
end;
$$;

-- "2TU" as 2 * 8 + 1, "-1SU" as -1 * 8 + 6, "MO" as 0: one number a weekday, Monday first, which says its ordinal too.
-- Null where the list is none, or an ordinal is not between 1 and 53 from either end.
create function app.rrule_weekdays(p_value text)
returns integer[]
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_days integer[];
begin
    if p_value !~ '^([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU))*$' then
        return null;
    end if;
    select array_agg(
        coalesce(nullif(left(d.name, -2), '')::integer, 0) * 8 + (position(right(d.name, 2) in 'MOTUWETHFRSASU') - 1) / 2
        order by d.place
    )
    into v_days
    from unnest(string_to_array(p_value, ',')) with ordinality as d(name, place)
    where coalesce(nullif(left(d.name, -2), '')::integer, 1) between -53 and 53
        and coalesce(nullif(left(d.name, -2), '')::integer, 1) <> 0;
    return case when cardinality(v_days) = cardinality(string_to_array(p_value, ',')) then v_days end;
end;
$$;

-- When a rule ends: {"until": a date} or {"until": an instant}, null where it cannot be read.
create function app.rrule_until(p_value text)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_date date;
begin
    if p_value !~ '^[0-9]{8}(T[0-9]{6}Z)?$' then
        return null;
    end if;
    v_date := make_date(substr(p_value, 1, 4)::integer, substr(p_value, 5, 2)::integer, substr(p_value, 7, 2)::integer);
    if length(p_value) = 8 then
        return jsonb_build_object('until_date', v_date);
    end if;
    return jsonb_build_object('until', (v_date + make_time(
        substr(p_value, 10, 2)::integer, substr(p_value, 12, 2)::integer, substr(p_value, 14, 2)::integer
    )) at time zone 'UTC');
exception
    when datetime_field_overflow then
        return null;
end;
$$;

-- One part of a rule, read: what it adds to the rule, or null where its value is none.
create function app.rrule_part(p_name text, p_value text)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_numbers integer[];
begin
    case p_name
        when 'FREQ' then
            return case when p_value in ('DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY') then jsonb_build_object('freq', p_value) end;
        when 'INTERVAL' then
            return case when p_value ~ '^0*[1-9][0-9]{0,3}$' then jsonb_build_object('interval', p_value::integer) end;
        when 'COUNT' then
            -- However many digits: too many is another fault than no number.
            return case when p_value ~ '^0*[1-9][0-9]*$' then
                jsonb_build_object('count', left(ltrim(p_value, '0'), 9)::integer) end;
        when 'UNTIL' then
            return app.rrule_until(p_value);
        when 'WKST' then
            v_numbers := app.rrule_weekdays(p_value);
            return case when cardinality(v_numbers) = 1 and v_numbers[1] between 0 and 6 then
                jsonb_build_object('wkst', v_numbers[1]) end;
        when 'BYDAY' then
            v_numbers := app.rrule_weekdays(p_value);
        when 'BYMONTHDAY' then
            v_numbers := app.rrule_numbers(p_value, 31);
        when 'BYMONTH' then
            v_numbers := app.rrule_numbers(p_value, 12);
            if 0 > any (v_numbers) then
                return null;
            end if;
        else
            v_numbers := app.rrule_numbers(p_value, 366);
    end case;
    return case when v_numbers is not null then jsonb_build_object(lower(p_name), to_jsonb(v_numbers)) end;
end;
$$;

-- What the parts of a rule, each readable, are together: faults, or '[]'.
create function app.rrule_combination_errors(p_rule jsonb)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_freq text := p_rule ->> 'freq';
begin
    if v_freq is null then
        v_errors := v_errors || app.rrule_error('rrule_freq_missing', 'The rule needs a FREQ.');
    end if;
    if not p_rule ?| array['count', 'until', 'until_date'] then
        v_errors := v_errors || app.rrule_error('rrule_unbounded', 'The rule needs a COUNT or an UNTIL: a series ends.');
    elsif p_rule ? 'count' and p_rule ?| array['until', 'until_date'] then
        v_errors := v_errors || app.rrule_error('rrule_combination', 'A rule has a COUNT or an UNTIL, not both.',
            '{"part": "COUNT", "with": "UNTIL"}');
    elsif (p_rule ->> 'count')::integer > 366 then
        v_errors := v_errors || app.rrule_error('rrule_too_many_instances', 'A series has 366 instances at most.', '{"max": 366}');
    end if;
    if v_freq in ('DAILY', 'WEEKLY')
        and exists (select from jsonb_array_elements_text(p_rule -> 'byday') d where d::integer not between 0 and 6)
    then
        v_errors := v_errors || app.rrule_error('rrule_combination',
            'Only monthly and yearly rules may number the weekdays of BYDAY.',
            jsonb_build_object('part', 'BYDAY', 'with', 'FREQ=' || v_freq));
    end if;
    if v_freq = 'WEEKLY' and p_rule ? 'bymonthday' then
        v_errors := v_errors || app.rrule_error('rrule_combination', 'A weekly rule has no BYMONTHDAY.',
            '{"part": "BYMONTHDAY", "with": "FREQ=WEEKLY"}');
    end if;
    if p_rule ? 'bysetpos' and not p_rule ?| array['byday', 'bymonthday', 'bymonth'] then
        v_errors := v_errors || app.rrule_error('rrule_combination', 'BYSETPOS needs another part that begins with BY.',
            '{"part": "BYSETPOS"}');
    end if;
    return v_errors;
end;
$$;

-- The rule, read: {"freq", "interval", "wkst", "count" | "until" | "until_date", "byday", "bymonthday", "bymonth",
-- "bysetpos", "errors"}. What it does not know it refuses by name, for a part that is passed over would book other days.
create function app.parse_rrule(p_rrule text)
returns jsonb
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_text text := regexp_replace(upper(btrim(left(p_rrule, 600))), '^RRULE:', '');
    v_rule jsonb := '{"interval": 1, "wkst": 0}';
    v_seen text[] := '{}';
    v_errors jsonb := '[]';
    v_part text;
    v_name text;
    v_read jsonb;
begin
    if coalesce(v_text, '') = '' then
        return jsonb_build_object('errors', jsonb_build_array(app.rrule_error('missing', 'This field is required.')));
    elsif length(p_rrule) > 500 then
        return jsonb_build_object('errors', jsonb_build_array(
            app.rrule_error('string_too_long', 'At most 500 characters are allowed.', '{"max_length": 500}')
        ));
    end if;
    foreach v_part in array string_to_array(v_text, ';') loop
        v_name := split_part(v_part, '=', 1);
        v_read := null;
        if v_part !~ '^[A-Z-]+=[^=]+$' then
            v_errors := v_errors || app.rrule_error('rrule_syntax', format('"%s" is not NAME=VALUE.', left(v_part, 50)),
                jsonb_build_object('part', left(v_part, 50)));
        elsif v_name not in ('FREQ', 'INTERVAL', 'COUNT', 'UNTIL', 'WKST', 'BYDAY', 'BYMONTHDAY', 'BYMONTH', 'BYSETPOS') then
            v_errors := v_errors || app.rrule_error('rrule_unsupported', format('%s is not supported.', left(v_name, 50)),
                jsonb_build_object('part', left(v_name, 50)));
        elsif v_name = any (v_seen) then
            v_errors := v_errors || app.rrule_error('rrule_repeated', format('%s occurs twice.', v_name),
                jsonb_build_object('part', v_name));
        else
            v_read := app.rrule_part(v_name, substr(v_part, length(v_name) + 2));
            if v_read is null then
                v_errors := v_errors || app.rrule_error('rrule_value',
                    format('%s is no value of %s.', left(substr(v_part, length(v_name) + 2), 50), v_name),
                    jsonb_build_object('part', v_name, 'value', left(substr(v_part, length(v_name) + 2), 50)));
            end if;
        end if;
        v_seen := v_seen || v_name;
        v_rule := v_rule || coalesce(v_read, '{}');
    end loop;
    -- What could not be read would be missed once more.
    return v_rule || jsonb_build_object(
        'errors', case when v_errors = '[]' then app.rrule_combination_errors(v_rule) else v_errors end
    );
end;
$$;

-- The faults of a rule's text, as entries of a VALIDATION_ERROR's `fields`.
create function app.rrule_errors(p_rrule text)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select app.parse_rrule(p_rrule) -> 'errors'
$$;

create function app.int_array(p_numbers jsonb)
returns integer[]
language sql
immutable
parallel safe
set search_path = ''
as $$
    select array_agg(n::integer) from jsonb_array_elements_text(p_numbers) n
$$;

-- The days that a rule names from p_first to p_last, without COUNT and UNTIL. Sets of days are judged whole (a month's,
-- for BYSETPOS), although the first lies partly before p_first and the last partly after p_last.
create function app.rrule_days(p_rule jsonb, p_first date, p_last date)
returns setof date
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_freq text := p_rule ->> 'freq';
    v_interval integer := (p_rule ->> 'interval')::integer;
    v_byday integer[] := app.int_array(p_rule -> 'byday');
    v_bymonthday integer[] := app.int_array(p_rule -> 'bymonthday');
    v_bymonth integer[] := app.int_array(p_rule -> 'bymonth');
    v_bysetpos integer[] := app.int_array(p_rule -> 'bysetpos');
    v_weekday integer := extract(isodow from p_first)::integer - 1;
    v_week date := p_first - (v_weekday - (p_rule ->> 'wkst')::integer + 7) % 7;
    v_year integer := extract(year from p_first)::integer;
    -- Months counted from year 0, of which each v_step-th, or each year's twelve, is a set or part of one.
    v_month integer := v_year * 12 + case when v_freq = 'MONTHLY' then extract(month from p_first)::integer - 1 else 0 end;
    v_last_month integer := extract(year from p_last)::integer * 12 + 11;
    v_in_month boolean := v_freq = 'MONTHLY' or v_bymonth is not null;
begin
    -- What the rule does not say, the first day says.
    if v_freq = 'WEEKLY' and v_byday is null then
        v_byday := array[v_weekday];
    elsif v_freq in ('MONTHLY', 'YEARLY') and v_byday is null and v_bymonthday is null then
        v_bymonthday := array[extract(day from p_first)::integer];
        if v_freq = 'YEARLY' and v_bymonth is null then
            v_bymonth := array[extract(month from p_first)::integer];
        end if;
    end if;
    return query
        with months as (
            select m % 12 + 1 as m, make_date(m / 12, m % 12 + 1, 1) as first_day,
                case v_freq when 'MONTHLY' then m else m / 12 end as place
            from generate_series(v_month, v_last_month, case v_freq when 'MONTHLY' then v_interval else 1 end) as m
            where v_freq in ('MONTHLY', 'YEARLY') and (v_freq = 'MONTHLY' or (m / 12 - v_year) % v_interval = 0)
                and (v_bymonth is null or m % 12 + 1 = any (v_bymonth))
        ), days as (
            select p_first + n as day, n as place
            from generate_series(0, p_last - p_first, v_interval) as n
            where v_freq = 'DAILY'
            union all
            select v_week + n + k, n
            from generate_series(0, p_last - v_week, 7 * v_interval) as n, generate_series(0, 6) as k
            where v_freq = 'WEEKLY'
            union all
            select m.first_day + k, m.place
            from months m, generate_series(0, (m.first_day + interval '1 month')::date - m.first_day - 1) as k
        ), spans as (
            select d.day, d.place, extract(day from d.day)::integer as d, extract(year from d.day)::integer as y,
                (extract(isodow from d.day)::integer - 1) as weekday,
                extract(day from date_trunc('month', d.day::timestamp) + interval '1 month -1 day')::integer as month_length
            from days d
            where v_bymonth is null or extract(month from d.day)::integer = any (v_bymonth)
        ), numbered as (
            select
                s.*,
                case when v_in_month then s.d else s.day - make_date(s.y, 1, 1) + 1 end as nth,
                case when v_in_month then s.month_length else make_date(s.y, 12, 31) - make_date(s.y, 1, 1) + 1 end as length
            from spans s
            where v_bymonthday is null or s.d = any (v_bymonthday) or s.d - s.month_length - 1 = any (v_bymonthday)
        ), chosen as (
            select
                c.day,
                row_number() over (partition by c.place order by c.day) as position,
                count(*) over (partition by c.place) as size
            from numbered c
            where v_byday is null or c.weekday = any (v_byday)
                or ((c.nth - 1) / 7 + 1) * 8 + c.weekday = any (v_byday)
                or (-1 - (c.length - c.nth) / 7) * 8 + c.weekday = any (v_byday)
        )
        select c.day
        from chosen c
        where c.day between p_first and p_last
            and (v_bysetpos is null or c.position = any (v_bysetpos) or c.position - c.size - 1 = any (v_bysetpos))
        order by c.day;
end;
$$;

-- The first p_limit times of a valid rule, in local wall-clock time, those of p_exdates left out: they count for COUNT.
-- As calendars have it, a start that the rule does not name is no instance; the first is the next that it does name.
-- UNTIL as an instant is compared with the instants that the times are in p_time_zone; as a date, with local dates.
create function app.expand_rrule(
    p_rrule text, p_start timestamp, p_exdates timestamp[] default '{}', p_limit integer default 366,
    p_time_zone text default 'UTC'
)
returns setof timestamp
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rule jsonb := app.parse_rrule(p_rrule);
    v_first date := p_start::date;
    v_until timestamptz := (v_rule ->> 'until')::timestamptz;
    -- The tables hold nothing later.
    v_end date := least(
        coalesce((v_rule ->> 'until_date')::date, (v_until at time zone p_time_zone)::date + 1), date '2199-12-31'
    );
    v_wanted integer := least((v_rule ->> 'count')::integer, p_limit + coalesce(cardinality(p_exdates), 0));
    v_last date := v_first - 1;
    v_reach bigint := v_wanted::bigint * (v_rule ->> 'interval')::integer
        * case v_rule ->> 'freq' when 'DAILY' then 1 when 'WEEKLY' then 7 when 'MONTHLY' then 31 else 366 end;
    v_found timestamp[] := '{}';
begin
    if v_rule -> 'errors' <> '[]' or v_first is null or v_first < '1970-01-01' then
        return;
    end if;
    -- A year's rule need not be looked for in two centuries; one that names few days is.
    while v_last < v_end and cardinality(v_found) < v_wanted loop
        v_last := least(v_first + least(v_reach, 100000)::integer, v_end);
        v_found := array(
            select d.day + p_start::time
            from app.rrule_days(v_rule, v_first, v_last) as d(day)
            where v_until is null or app.local_time(d.day + p_start::time, p_time_zone) <= v_until
            order by d.day
            limit v_wanted
        );
        v_reach := v_reach * 16;
    end loop;
    return query
        select f.instance from unnest(v_found) as f(instance)
        where f.instance <> all (coalesce(p_exdates, '{}'))
        order by f.instance
        limit p_limit;
end;
$$;
