-- Takes back 20261122000270_calendar.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.prune_calendar_events();
drop function public.events_since(jsonb, integer);
drop function app.cursor_status(uuid, text);
drop function public.stream_grants(jsonb);
drop function public.calendar(uuid, timestamptz, timestamptz, uuid[], public.asset_section);
drop function app.head_cursor(uuid);
