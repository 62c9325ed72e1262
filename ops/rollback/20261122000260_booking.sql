-- Takes back 20261122000260_booking.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.get_reservation(uuid);
drop function public.cancel_reservation(uuid, text, integer, text);
drop function public.update_reservation(uuid, jsonb, integer);
drop function app.lock_open_reservation(uuid, integer);
drop function public.create_reservation(uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text);
drop function app.save_details(uuid, jsonb);
drop function app.reservation_json(public.reservations);
drop function app.refuse_taken(public.assets, timestamptz, timestamptz, uuid);
drop function app.fail_busy();
drop function app.lock_assets(uuid[]);
