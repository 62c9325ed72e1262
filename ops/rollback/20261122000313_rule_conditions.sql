-- Takes back 20261122000313_rule_conditions.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger keep_used_holiday on public.holidays;
drop trigger keep_approving_tier on public.tiers;
drop trigger rule_asset_is_of_the_organization on public.tier_rule_assets;
drop trigger blackout_is_of_the_organization on public.blackout_dates;
drop trigger rule_is_valid_on_update on public.tier_booking_rules;
drop trigger rule_is_valid_on_insert on public.tier_booking_rules;

drop function app.keep_used_holiday();
drop function app.keep_approving_tier();
drop function app.check_references();
drop function app.check_rule();
drop function app.rule_errors(public.tier_booking_rules);
drop function app.reference_errors(uuid, jsonb);
drop function app.approval_errors(public.tier_booking_rules);
drop function app.condition_errors(public.rule_type, jsonb, uuid, text);
drop function app.date_range_errors(jsonb, text);
drop function app.condition_error(text, jsonb, text, numeric, numeric, text[]);
drop function app.id_list(jsonb);
drop function app.parse_date(text);
drop function app.condition_fields(public.rule_type);
