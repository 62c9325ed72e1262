-- Takes back 20261122000345_listing.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.list_reservations(uuid, uuid, uuid, text[], timestamptz, timestamptz, text, text, integer, integer);
drop function app.list_errors(text[], timestamptz, timestamptz, text, text, integer, integer);
