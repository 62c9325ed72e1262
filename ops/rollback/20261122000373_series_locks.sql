-- Takes back 20261122000373_series_locks.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.lock_instances(public.reservation_series, integer, uuid, integer);
drop function app.open_instances(uuid, integer);
drop function app.check_series_version(public.reservation_series, integer, integer);
drop function app.series_reference(uuid, text, timestamptz);

drop type app.series_move;
