-- Takes back 20261122000250_booking_checks.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.patched_reservation(public.reservations, jsonb, integer);
drop function app.patch_errors(jsonb);
drop function app.patched_asset_id(jsonb);
drop function app.parse_time(text);
drop function app.booking_errors(text, timestamptz, timestamptz, integer, text, jsonb, jsonb, integer, timestamptz);
drop function app.guest_errors(jsonb);
drop function app.changeable_reservation(uuid);
drop function app.visible_reservation(uuid);
drop function app.bookable_asset(uuid);
