-- Takes back 20261122000280_access_hints.sql.
-- Loses: app.access_epochs (how often access has changed; it counts from 0 again, and who resumes may be told `reset` once).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger announce_access_on_closing on public.organizations;
drop trigger announce_access_on_section on public.assets;
drop trigger announce_access_on_first_default on public.tiers;
drop trigger announce_access_on_sections on public.tiers;
drop trigger announce_access_on_change on public.organization_members;
drop trigger announce_access_on_join_or_leave on public.organization_members;

drop table app.access_epochs;

drop function app.announce_organization_access();
drop function app.announce_member_access();
drop function app.announce_access(uuid, uuid);
