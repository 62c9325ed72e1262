-- Local days and local times: rules are about them, while bookings are stored as instants.
--
-- Functions without a SET clause, so that queries and expressions see through them: each rule asks for days.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.local_day(p_time timestamptz, p_time_zone text)
returns date
language sql
immutable
parallel safe
as $$
    select (p_time at time zone p_time_zone)::date
$$;

-- The first local day that the booking touches.
create function app.first_day(p_case app.booking_case)
returns date
language sql
immutable
parallel safe
as $$
    select (p_case.start_date at time zone p_case.time_zone)::date
$$;

-- The last one. A booking is half-open: one that ends at midnight does not touch the day that begins then. Stable, as the
-- subtraction is: of a function that promises more than its body, queries do not see the inside.
create function app.last_day(p_case app.booking_case)
returns date
language sql
stable
parallel safe
as $$
    select ((p_case.end_date - interval '1 microsecond') at time zone p_case.time_zone)::date
$$;

-- The instant of a local time after RFC 5545 3.3.5: in a gap by the offset before it, of a repeated hour the first.
-- Postgres does so in a gap, but takes the later of the two, so the offset of the day before is tried too. In plpgsql:
-- an SQL function that queries cannot see through would cost ten times as much.
create function app.local_time(p_local timestamp, p_time_zone text)
returns timestamptz
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_here timestamptz := p_local at time zone p_time_zone;
    -- Twenty-four hours as such: '1 day' would follow the session's zone.
    v_before timestamptz := v_here - interval '24 hours';
    v_earlier timestamptz := (
        p_local - ((v_before at time zone p_time_zone) - (v_before at time zone 'UTC'))
    ) at time zone 'UTC';
begin
    if v_earlier < v_here and v_earlier at time zone p_time_zone = p_local then
        return v_earlier;
    end if;
    return v_here;
end;
$$;

-- The instant at which a local day begins: where clocks jump at midnight that is not midnight. One expression that queries
-- see through, because hours are counted day by day and a call for each would cost a millisecond. Postgres takes the later
-- of two midnights; the earlier one is an hour before, where there are two.
create function app.day_start(p_day date, p_time_zone text)
returns timestamptz
language sql
immutable
parallel safe
as $$
    select case
        when ((p_day::timestamp at time zone p_time_zone) at time zone 'UTC' - interval '1 hour')
            at time zone 'UTC' at time zone p_time_zone = p_day::timestamp
            then ((p_day::timestamp at time zone p_time_zone) at time zone 'UTC' - interval '1 hour') at time zone 'UTC'
        else p_day::timestamp at time zone p_time_zone
    end
$$;

-- How dates and lengths are written in messages. to_char writes English months whatever the server's language.
create function app.date_words(p_date date)
returns text
language sql
stable
parallel safe
set search_path = ''
as $$
    select to_char(p_date, 'FMDD FMMonth YYYY')
$$;

create function app.count_words(p_count numeric, p_unit text)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select trim_scale(p_count) || ' ' || p_unit || case when p_count = 1 then '' else 's' end
$$;

-- 1530 minutes are '1 day 1 hour 30 minutes'.
create function app.minutes_words(p_minutes bigint)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_minutes = 0 then '0 minutes' else concat_ws(
        ' ',
        case when p_minutes >= 1440 then app.count_words(p_minutes / 1440, 'day') end,
        case when p_minutes % 1440 >= 60 then app.count_words(p_minutes % 1440 / 60, 'hour') end,
        case when p_minutes % 60 > 0 then app.count_words(p_minutes % 60, 'minute') end
    ) end
$$;
