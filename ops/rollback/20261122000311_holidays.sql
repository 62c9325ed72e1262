-- Takes back 20261122000311_holidays.sql.
-- Loses: public.holidays (an organisation's own; Panama's come again with the migration).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.holiday_dates(uuid[], date, date);
drop function app.month_day_date(text, integer);
drop function app.easter(integer);

drop table public.holidays;
