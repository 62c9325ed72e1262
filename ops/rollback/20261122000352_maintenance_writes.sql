-- Takes back 20261122000352_maintenance_writes.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.get_maintenance(uuid);
drop function public.cancel_maintenance(uuid, text, integer);
drop function public.update_maintenance(uuid, jsonb, integer);
drop function app.refuse_further_conflicts(public.maintenance_windows, public.maintenance_windows);
drop function app.open_maintenance(uuid, uuid, integer);
drop function public.create_maintenance(uuid, text, timestamptz, timestamptz, text, text, text);
drop function app.cancel_bookings_for_maintenance(uuid[], text, text);
drop function app.clear_way_for_maintenance(public.maintenance_windows);
drop function app.refuse_overlapping_maintenance(public.maintenance_windows);
drop function app.patched_maintenance(public.maintenance_windows, jsonb);
drop function app.maintenance_errors(text, timestamptz, timestamptz, text, text);
drop function app.maintenance_json(public.maintenance_windows);
drop function app.visible_maintenance(uuid);
drop function app.maintainable_asset(uuid);
