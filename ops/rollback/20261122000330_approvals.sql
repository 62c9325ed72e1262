-- Takes back 20261122000330_approvals.sql.
-- Loses: public.approval_requests, public.rule_approvals, public.approval_delegations (every decision,
-- and who had to make it).
-- Note: bookings that wait for a decision stay pending and keep their time; managers can cancel them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop index public.reservations_pending_start;

drop function app.approval_json(public.approval_requests);
drop function app.approvals_json(uuid);
drop function app.may_read_approvals(public.reservations);

drop table public.approval_delegations;
drop table public.rule_approvals;
drop table public.approval_requests;

drop function app.own_approval_requests();
drop function app.complete_approval_request();
