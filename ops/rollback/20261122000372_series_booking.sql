-- Takes back 20261122000372_series_booking.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.create_series(uuid, text, timestamptz, timestamptz, text, text, timestamptz[], integer, text, jsonb, jsonb, jsonb, text);
drop function app.check_series(public.assets, jsonb, timestamptz, timestamptz, text, text, timestamptz[]);
drop function app.fail_series(jsonb);
drop function app.place_instance(public.reservation_series, public.assets, app.series_slot, jsonb, jsonb);
drop function app.slot_report(app.series_slot, text, uuid, jsonb, jsonb);
drop function app.slot_conflicts(public.assets, timestamptz, timestamptz, uuid[]);
drop function app.series_errors(app.series_slot[], text, timestamptz[], interval);
drop function app.slot_errors(app.series_slot[], interval, text);
drop function app.series_slots(text, timestamptz, timestamptz, timestamptz[], text);
drop function app.local_length(timestamptz, timestamptz, text);

drop type app.series_slot;
