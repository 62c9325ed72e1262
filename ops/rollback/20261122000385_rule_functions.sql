-- Takes back 20261122000385_rule_functions.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.delete_rule(uuid, uuid, integer);
drop function public.update_rule(uuid, uuid, jsonb, integer);
drop function app.lock_rule(uuid, uuid, integer);
drop function public.create_rule(uuid, jsonb);
drop function app.save_rule_assets(public.tier_booking_rules, jsonb);
drop function app.checked_rule(public.tier_booking_rules, jsonb, jsonb);
drop function app.asset_ids_errors(uuid, jsonb);
drop function public.list_rules(uuid, uuid, uuid, public.rule_type, boolean, integer, integer);
drop function app.rule_resource(public.tier_booking_rules);
