-- Takes back 20261122000160_accounts.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.member_directory(uuid);
drop function public.update_organization(uuid, jsonb, integer);
drop function public.create_organization(jsonb);
drop function app.address_errors(jsonb);
drop function app.organization_errors(jsonb, text[], text[]);
drop function public.me();
drop function app.tier_json(uuid, uuid);
drop function app.organization_json(public.organizations);
