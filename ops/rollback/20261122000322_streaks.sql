-- Takes back 20261122000322_streaks.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.consecutive_booking_trigger(app.booking_case, jsonb);
drop function app.max_consecutive_days_trigger(app.booking_case, jsonb);
drop function app.own_run(app.booking_case, text, integer, integer);
