-- Takes back 20261122000333_approvals_over_time.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.expire_approvals(integer);
drop function app.expire_approvals_of(public.reservations);
drop function app.is_anyone_asked(public.approval_requests);
drop function app.escalate_approval_request(public.approval_requests, public.reservations, uuid);
