-- Takes back 20261122000375_series_changes.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.cancel_series(uuid, text, timestamptz, text, integer, text);
drop function public.update_series(uuid, jsonb, text, timestamptz, integer, text);
drop function app.changes_json(app.series_move[], jsonb);
drop function app.change_instance(public.reservation_series, app.series_instances, jsonb, integer);
drop function app.series_patch_errors(jsonb);
