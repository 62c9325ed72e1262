-- Takes back 20261122000300_engine.sql.
-- Loses: public.reservations.hold_expires_at, app.occupancy.expires_at (when holds end),
-- public.tier_rules.min_cancellation_notice_hours.
-- Note: this is refused while something other than bookings and holds takes an asset's time: maintenance goes with its own migration.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table public.tier_rules drop constraint tier_rules_cancellation_notice;
alter table app.occupancy drop constraint occupancy_kind_known;

drop function app.try_lock_person(uuid, uuid);
drop function app.try_lock_asset(uuid);
drop function app.lock_people(uuid, uuid[]);

drop type app.verdict;
drop type app.booking_case;

drop function app.field_error(text, text, text, jsonb);

alter table public.reservations drop column hold_expires_at;
alter table app.occupancy drop column expires_at;
alter table public.tier_rules drop column min_cancellation_notice_hours;

-- As 20261122000100_foundation.sql made it.
create function app.field_error(p_path text, p_code text, p_message text)
returns jsonb
language sql
stable
parallel safe
set search_path = ''
as $$
    select jsonb_build_object('path', p_path, 'code', p_code, 'message', p_message)
$$;

-- As 20261122000100_foundation.sql made it.
create or replace function app.text_errors(p_object jsonb, p_key text, p_max integer, p_path text default null)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_path text := concat_ws('.', p_path, p_key);
    v_value jsonb := p_object -> p_key;
begin
    if coalesce(jsonb_typeof(v_value), 'null') = 'null' then
        return '[]';
    elsif jsonb_typeof(v_value) <> 'string' then
        return jsonb_build_array(app.field_error(v_path, 'string_type', 'Text is expected here.'));
    elsif v_value #>> '{}' !~ '\S' then
        return jsonb_build_array(app.field_error(v_path, 'string_too_short', 'This must not be blank.'));
    elsif length(v_value #>> '{}') > p_max then
        return jsonb_build_array(
            app.field_error(v_path, 'string_too_long', format('At most %s characters are allowed.', p_max))
        );
    end if;
    return '[]';
end;
$$;

alter table app.occupancy add constraint occupancy_kind_known check (kind in ('reservation', 'hold'));
