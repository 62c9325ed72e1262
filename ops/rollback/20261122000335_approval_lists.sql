-- Takes back 20261122000335_approval_lists.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.delete_approval_delegation(uuid);
drop function public.create_approval_delegation(uuid, uuid, timestamptz, timestamptz, text);
drop function public.list_approval_delegations(uuid);
drop function app.delegation_json(public.approval_delegations);
drop function app.waits_for_caller(public.approval_requests);
drop function app.asked_approval_requests(uuid);
drop function public.list_approvals(uuid, text, text, integer, integer);
