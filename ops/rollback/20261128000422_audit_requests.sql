-- Takes back 20261128000422_audit_requests.sql.
-- Loses: nothing.
-- Note: the BFF keeps what it cannot hand over on its disk, and hands it over when the function is there again.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.record_requests(json);
drop function app.write_requests(jsonb[]);
drop function app.judged_records(json);
drop function app.request_record_fault(jsonb);
drop function app.text_fault(jsonb, text, integer);
drop function app.uuid_fault(jsonb, text);
drop function app.organization_of(uuid);
