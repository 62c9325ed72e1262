-- Takes back 20261122000392_bulk_assets.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.bulk_assets(uuid, text, jsonb, text);
drop function app.fail_operations(jsonb);
drop function app.operation_error(jsonb);
drop function app.apply_asset_operation(uuid, jsonb);
drop function app.operation_errors(jsonb);
drop function app.asset_input_errors(jsonb, boolean);
