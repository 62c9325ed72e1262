-- Takes back 20261122000344_holds.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop index public.reservations_to_complete;

drop function public.complete_reservations();
drop function public.expire_holds();
drop function public.release_hold(uuid);
drop function public.create_hold(uuid, timestamptz, timestamptz);
drop function app.hold_json(public.reservations, public.assets);
drop function app.replaceable_holds(uuid, uuid);
