-- Takes back 20261122000323_open_bookings.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.max_open_trigger(app.booking_case, jsonb);
drop function app.concurrent_booking_trigger(app.booking_case, jsonb);
