-- Takes back 20261122000320_own_bookings.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop index public.idx_reservations_user_start;

drop function app.most_use(app.booking_case, text, text, date, date);
drop function app.own_bookings(app.booking_case, date, date, text);
