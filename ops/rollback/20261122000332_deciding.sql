-- Takes back 20261122000332_deciding.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.decide_reservation(uuid, text, text, uuid, text);
drop function app.record_decision(public.reservations, text, text, uuid);
drop function app.decides_for(public.rule_approvals);
drop function app.approvals_to_decide(public.reservations, uuid);
drop function app.settle_approvals(public.reservations);
drop function app.approval_obstacle(public.reservations);
drop function app.close_approval_request(uuid, text);
drop function app.count_approvals(public.approval_requests);
drop function app.awaits_decision(public.rule_approvals, public.approval_requests);
