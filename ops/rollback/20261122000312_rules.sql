-- Takes back 20261122000312_rules.sql.
-- Loses: public.tier_booking_rules, public.tier_rule_assets, public.blackout_dates (every rule and blackout).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop table public.blackout_dates;
drop table public.tier_rule_assets;
drop table public.tier_booking_rules;
drop type public.rule_approval_type;
drop type public.rule_effect;
drop type public.rule_type;

drop function app.touch_rule_of_asset();
