-- Takes back 20261122000310_local_days.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.minutes_words(bigint);
drop function app.count_words(numeric, text);
drop function app.date_words(date);
drop function app.day_start(date, text);
drop function app.local_time(timestamp, text);
drop function app.last_day(app.booking_case);
drop function app.first_day(app.booking_case);
drop function app.local_day(timestamptz, text);
