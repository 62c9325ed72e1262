-- The limits of the tier itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What of its tier's limits a booking exceeds. They stand beside the rules, and nobody sets them aside.
create function app.tier_limit_violations(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return '[]';
end;
$$;
