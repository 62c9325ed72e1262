-- Takes back 20261122000386_blackout_functions.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.delete_holiday(uuid, uuid, integer);
drop function public.update_holiday(uuid, uuid, jsonb, integer);
drop function app.lock_holiday(uuid, uuid, integer);
drop function public.create_holiday(uuid, jsonb);
drop function public.list_holidays(uuid, integer, integer);
drop function app.holiday_resource(public.holidays);
drop function public.delete_blackout(uuid, uuid, integer);
drop function public.update_blackout(uuid, uuid, jsonb, integer);
drop function app.lock_blackout(uuid, uuid, integer);
drop function public.create_blackout(uuid, jsonb);
drop function app.checked_blackout(public.blackout_dates, jsonb, jsonb);
drop function public.list_blackouts(uuid, date, date, uuid, uuid, integer, integer);
drop function app.blackout_resource(public.blackout_dates);
