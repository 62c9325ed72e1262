-- Takes back 20261122000384_tier_functions.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger version_counts_limits on public.tier_rules;

drop function public.delete_tier(uuid, uuid, integer);
drop function public.update_tier(uuid, uuid, jsonb, integer);
drop function app.lock_tier(uuid, uuid, integer);
drop function public.create_tier(uuid, jsonb);
drop function app.fail_tier_not_unique(text);
drop function app.save_limits(public.tiers, jsonb);
drop function app.checked_tier(jsonb, jsonb);
drop function public.list_tiers(uuid, integer, integer);
drop function app.tier_resource(public.tiers);
drop function app.count_limits_change();
