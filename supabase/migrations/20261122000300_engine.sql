-- What the parts of the booking engine share: the case that rules judge, the verdict they come to, the lock under which
-- a person's bookings are counted, and the columns that more than one part reads.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An entry of `fields` may carry what its message names, so that an app can word it in another language.
-- Only functions call it, by name and when they run; a second signature beside it would be ambiguous.
-- squawk-ignore ban-drop-function
drop function app.field_error(text, text, text);
create function app.field_error(p_path text, p_code text, p_message text, p_params jsonb default null)
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select jsonb_build_object('path', p_path, 'code', p_code, 'message', p_message)
        || case when p_params is null then '{}' else jsonb_build_object('params', p_params) end
$$;

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
        return jsonb_build_array(app.field_error(v_path, 'string_too_short', 'This must not be blank.', '{"min_length": 1}'));
    elsif length(v_value #>> '{}') > p_max then
        return jsonb_build_array(app.field_error(
            v_path, 'string_too_long', format('At most %s characters are allowed.', p_max),
            jsonb_build_object('max_length', p_max)
        ));
    end if;
    return '[]';
end;
$$;

-- A booking as the rules look at it: whose, of what, when. Every path to a booking (create, change, preview, series,
-- hold, waitlist, approval) makes one with app.booking_case and has it judged by app.weigh, and by nothing else.
create type app.booking_case as (
    organization_id uuid,
    asset_id uuid,
    section public.asset_section,
    -- The asset's: local days and local times are counted in it.
    time_zone text,
    -- Whose booking it is, not who is asking, and that person's tier, the default one included.
    user_id uuid,
    tier_id uuid,
    start_date timestamptz,
    end_date timestamptz,
    -- Reservations that do not count: the one that is being changed, the hold that is being confirmed.
    exclude_ids uuid[],
    -- False where the start and the asset stand already, so that notice is not asked for once more.
    starts_anew boolean
);

-- outcome: 'approved', 'pending' (somebody has to approve), or 'refused'. violations: what still stands in the way or
-- asks for approval; overridden: what the caller was entitled to set aside, and did.
create type app.verdict as (outcome text, violations jsonb, overridden jsonb);

-- Everything of this person in this organisation is counted under this lock, in a statement after it: two bookings of
-- two assets would else both fit into one quota. After the assets' locks, never before; sorted, for there may be two.
create function app.lock_people(p_organization_id uuid, p_user_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_key bigint;
begin
    for v_key in
        select distinct hashtextextended('person:' || p_organization_id || ':' || u.id, 0) as key
        from unnest(p_user_ids) as u(id)
        where u.id is not null
        order by key
    loop
        perform pg_advisory_xact_lock(v_key);
    end loop;
end;
$$;

-- The same locks for who must not wait: the schedule, which holds the locks of many assets, and triggers that hold rows.
create function app.try_lock_asset(p_asset_id uuid)
returns boolean
language sql
set search_path = ''
as $$
    select pg_try_advisory_xact_lock(hashtextextended('asset:' || p_asset_id, 0))
$$;

create function app.try_lock_person(p_organization_id uuid, p_user_id uuid)
returns boolean
language sql
set search_path = ''
as $$
    select pg_try_advisory_xact_lock(hashtextextended('person:' || p_organization_id || ':' || p_user_id, 0))
$$;

-- When a hold ends by itself; null for everything that is no hold.
alter table public.reservations add column hold_expires_at timestamptz;

-- An expired hold is ignored by every reader and deleted by the next writer, so that nothing waits for a schedule.
alter table app.occupancy add column expires_at timestamptz;
-- squawk-ignore ban-drop-constraint
alter table app.occupancy drop constraint occupancy_kind_known;
-- squawk-ignore constraint-missing-not-valid
alter table app.occupancy add constraint occupancy_kind_known
    check (kind in ('reservation', 'hold', 'maintenance', 'external'));

-- How long before its start a member of the tier may still cancel; managers may at any time.
alter table public.tier_rules add column min_cancellation_notice_hours integer
    constraint tier_rules_cancellation_notice check (min_cancellation_notice_hours between 0 and 8784);
grant insert (min_cancellation_notice_hours), update (min_cancellation_notice_hours) on public.tier_rules to authenticated;
