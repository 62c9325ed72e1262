-- Takes back 20261122000383_fields.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger fields_are_valid on public.holidays;
drop trigger fields_are_valid on public.blackout_dates;
drop trigger fields_are_valid on public.tier_booking_rules;
drop trigger fields_are_valid on public.tier_rules;
drop trigger fields_are_valid on public.tiers;
drop trigger fields_are_valid on public.profiles;

drop function app.require_version(integer, integer, jsonb);
drop function app.check_fields();
drop function app.checked_input(text, jsonb, jsonb, text[], jsonb);
drop function app.whole_errors(text, jsonb);
drop function app.value_errors(text, jsonb, text);
drop function app.value_error(text, jsonb, text, bigint, bigint, text, text[], text);
drop function app.known_fields(text);
