-- How much of a period one may use.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.quota_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return null;
end;
$$;
