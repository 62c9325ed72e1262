-- Takes back 20261122000374_series_moves.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.describe_instances(uuid[], jsonb, public.reservations);
drop function app.shift_series(public.reservation_series, app.series_move[], public.reservations, public.reservations, boolean);
drop function app.split_series(public.reservation_series, integer);
drop function app.excluded_times(uuid);
drop function app.counted_rrule(text, integer);
drop function app.move_instances(app.series_move[], public.assets);
drop function app.shifted_instances(app.series_move[], public.reservation_series, public.reservations, public.reservations, text);
