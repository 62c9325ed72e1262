-- Takes back 20261122000321_quota.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.quota_refusal(jsonb, public.asset_section, date, date, numeric, numeric);
drop function app.quota_trigger(app.booking_case, jsonb);
drop function app.daily_use(app.booking_case, text, text, date, date);
drop function app.last_used_day(text, timestamptz, timestamptz, text);
