-- Takes back 20261122000220_event_log.sql.
-- Loses: public.calendar_events, app.event_counters (the log and its numbers; every calendar that resumes is told `reset`).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger log_before_asset_goes on public.assets;
drop trigger events_2_logged on public.reservations;
drop trigger events_1_noted on public.reservations;
drop trigger open_event_log on public.organizations;

drop function app.announce_events(uuid, bigint);
drop function app.append_event(uuid, text, jsonb, jsonb, uuid, uuid[]);
drop function app.lock_event_counters(jsonb);
drop function app.event_json(public.calendar_events);
drop function app.reservation_state(public.reservations);
drop function app.cursor_of(bigint, uuid);

drop table app.event_counters;
drop table public.calendar_events;

drop function app.note_event();
drop function app.open_event_log();
drop function app.log_before_asset_goes();
drop function app.log_event();
