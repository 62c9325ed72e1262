-- Takes back 20261128000424_audit_reading.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.export_audit_logs(
    uuid, uuid, text, text, uuid, text, timestamptz, timestamptz, uuid, bigint
);
drop function app.begin_audit_export(uuid, app.audit_filter);
drop function app.audit_cells(app.audit_chain, public.audit_logs);
drop function public.list_audit_logs(uuid, uuid, text, text, uuid, text, timestamptz, timestamptz, text, integer);
drop function app.audit_json(public.audit_logs);
drop function app.audit_cursor(timestamptz, uuid);
drop function app.audit_matches(public.audit_logs, app.audit_filter);
drop function app.audit_filter_of(uuid, text, text, uuid, text, timestamptz, timestamptz);
drop type app.audit_filter;
