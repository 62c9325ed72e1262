-- Takes back 20261122000331_approvers.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.void_approvals(uuid);
drop function app.submit_approvals(public.reservations, jsonb);
drop function app.approval_plan(app.booking_case, jsonb);
drop function app.find_approvers(uuid, jsonb, public.asset_section, uuid[]);
drop function app.eligible_approvers(uuid, text, uuid, uuid[], public.asset_section, uuid[]);
