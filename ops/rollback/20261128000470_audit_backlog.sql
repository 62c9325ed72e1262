-- Takes back 20261128000470_audit_backlog.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.audit_backlog();
