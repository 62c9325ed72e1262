-- Takes back 20261122000370_rrule.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.expand_rrule(text, timestamp, timestamp[], integer, text);
drop function app.rrule_days(jsonb, date, date);
drop function app.int_array(jsonb);
drop function app.rrule_errors(text);
drop function app.parse_rrule(text);
drop function app.rrule_combination_errors(jsonb);
drop function app.rrule_part(text, text);
drop function app.rrule_until(text);
drop function app.rrule_weekdays(text);
drop function app.rrule_numbers(text, integer);
drop function app.rrule_error(text, text, jsonb);
