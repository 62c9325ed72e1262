-- Takes back 20261122000230_availability.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.asset_availability(uuid, timestamptz, timestamptz, uuid);
drop function public.check_availability(uuid, timestamptz, timestamptz, uuid);
drop function app.range_errors(timestamptz, timestamptz, text, text);
drop function app.visible_asset(uuid);
