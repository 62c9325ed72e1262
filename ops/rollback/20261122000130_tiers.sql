-- Takes back 20261122000130_tiers.sql.
-- Loses: public.tiers, public.tier_rules (every tier and its limits).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop table public.tier_rules;
drop table public.tiers;

drop function app.keep_default_tier();
drop function app.replace_default_tier();
