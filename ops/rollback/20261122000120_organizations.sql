-- Takes back 20261122000120_organizations.sql.
-- Loses: public.organizations, public.subscriptions, public.entitlements (every organisation).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop table public.entitlements;
drop table public.subscriptions;
drop table public.organizations;
