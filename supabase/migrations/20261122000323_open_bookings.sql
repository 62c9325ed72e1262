-- How many at once, how many ahead.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.concurrent_booking_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return null;
end;
$$;

create function app.max_open_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return null;
end;
$$;
