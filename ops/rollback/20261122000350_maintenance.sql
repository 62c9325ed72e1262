-- Takes back 20261122000350_maintenance.sql.
-- Loses: public.maintenance_windows (every window), and app.occupancy of the time that they took. Bookings that made way for one
-- stay canceled.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

delete from app.occupancy o where o.kind = 'maintenance';

drop trigger cancel_maintenance on public.assets;

drop function app.refuse_maintenance_conflicts(public.maintenance_windows, uuid[]);
drop function app.maintenance_conflicts(public.maintenance_windows, uuid[]);
drop function app.refill_maintenance(uuid[]);
drop function app.fill_maintenance(public.maintenance_windows, boolean);

drop table public.maintenance_windows;

drop function app.cancel_maintenance_of_archived_asset();
drop function app.check_maintenance_canceled();
drop function app.lock_maintenance_asset();
drop function app.keep_maintenance_occupancy();
drop function app.keep_maintenance_identity();
