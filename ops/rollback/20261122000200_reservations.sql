-- Takes back 20261122000200_reservations.sql.
-- Loses: public.reservations, public.reservation_details, public.reservation_guests (every booking).
-- Note: the table leaves the publication supabase_realtime by being dropped.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger release_bookings on public.profiles;

drop table public.reservation_guests;
drop table public.reservation_details;
drop table public.reservations;

drop function app.release_bookings_of_deleted_person();
drop function app.count_details_change();
drop function app.keep_reservation_identity();
drop function app.holds_slot(public.reservation_status);
