-- Takes back 20261122000314_rule_triggers.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.check_in_violations(app.booking_case);
drop function app.blackout_violations(app.booking_case);
drop function app.violation(text, jsonb, text, uuid, text, integer, boolean);
drop function app.rule_trigger(app.booking_case, public.rule_type, jsonb);
drop function app.custom_trigger(app.booking_case, jsonb);
drop function app.duration_trigger(app.booking_case, jsonb);
drop function app.advance_window_trigger(app.booking_case, jsonb);
drop function app.lead_time_trigger(app.booking_case, jsonb);
drop function app.holiday_trigger(app.booking_case, jsonb);
drop function app.date_range_trigger(app.booking_case, jsonb);
drop function app.days_words(date, date);
drop function app.finding(text, text, jsonb);
