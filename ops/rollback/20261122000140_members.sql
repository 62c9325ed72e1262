-- Takes back 20261122000140_members.sql.
-- Loses: public.organization_members (who belongs to which organisation, as what).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger keep_used_tier on public.tiers;

drop table public.organization_members;

drop function app.keep_used_tier();
drop function app.keep_last_owner();
