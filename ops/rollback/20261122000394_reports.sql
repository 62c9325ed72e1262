-- Takes back 20261122000394_reports.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.utilization_report(uuid, timestamptz, timestamptz, text, public.asset_section);
drop function app.utilization_json(integer, numeric, integer, integer, numeric, numeric);
drop function app.utilization_rows(uuid, timestamptz, timestamptz, text, public.asset_section);
