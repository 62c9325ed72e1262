-- Takes back 20261122000334_leaving_approvers.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger approvals_end_or_follow on public.reservations;
drop trigger withdraw_approver on public.profiles;
drop trigger recheck_approver_on_change on public.organization_members;
drop trigger recheck_approver_on_delete on public.organization_members;

drop function app.follow_reservation_with_approvals();
drop function app.drop_deleted_approver();
drop function app.recheck_member_as_approver();
drop function app.recheck_approver(uuid, uuid, boolean);
drop function app.escalate_or_give_up(public.approval_requests, public.reservations, uuid);
drop function app.drop_from_request(public.approval_requests, public.reservations, uuid, uuid, boolean);
