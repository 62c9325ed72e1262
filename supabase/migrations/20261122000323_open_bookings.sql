-- How many assets at once, and how many bookings ahead.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- {max_assets}: this asset and the others that the person has booked for any part of this time are more than that.
-- [start, end): turnaround is the asset's time, not the person's.
create function app.concurrent_booking_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_max integer := (p_conditions ->> 'max_assets')::numeric;
    v_used integer;
begin
    select count(distinct r.asset_id) into v_used
    from public.reservations r
    where r.user_id = p_case.user_id
        and r.organization_id = p_case.organization_id
        and app.holds_slot(r.status)
        and r.id <> all (coalesce(p_case.exclude_ids, '{}'))
        and r.asset_id <> p_case.asset_id
        and r.start_date < p_case.end_date
        and r.end_date > p_case.start_date
        -- No booking is longer than 366 days: the scan ends there.
        and r.start_date >= p_case.start_date - interval '8784 hours';
    if v_used + 1 <= v_max then
        return null;
    end if;
    return app.finding(
        'concurrent_booking',
        format('At most %s at a time; with this one it would be %s.', app.count_words(v_max, 'asset'), v_used + 1),
        jsonb_build_object('max_assets', v_max, 'used', v_used, 'requested', 1, 'total', v_used + 1)
    );
end;
$$;

-- {max, exempt_within_days}: this one and the person's other bookings that have yet to begin are more than max. What begins
-- within exempt_within_days local days from today counts for nothing, this one included: a slot that is still free then is
-- better used than empty.
create function app.max_open_trigger(p_case app.booking_case, p_conditions jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_max integer := (p_conditions ->> 'max')::numeric;
    v_exempt integer := (p_conditions ->> 'exempt_within_days')::numeric;
    v_used integer;
begin
    if p_case.start_date <= now()
        or (p_case.start_date at time zone p_case.time_zone)::date - (now() at time zone p_case.time_zone)::date <= v_exempt
    then
        return null;
    end if;
    -- All of them, before it is asked which of them count: their assets need not be read as a rule.
    select count(*) into v_used
    from public.reservations r
    where r.user_id = p_case.user_id
        and r.organization_id = p_case.organization_id
        and app.holds_slot(r.status)
        and r.id <> all (coalesce(p_case.exclude_ids, '{}'))
        and r.start_date > now();
    if v_used + 1 <= v_max then
        return null;
    end if;
    select count(*) into v_used
    from public.reservations r
    join public.assets a on a.id = r.asset_id
    where r.user_id = p_case.user_id
        and r.organization_id = p_case.organization_id
        and app.holds_slot(r.status)
        and r.id <> all (coalesce(p_case.exclude_ids, '{}'))
        and r.start_date > now()
        and (
            v_exempt is null
            or (r.start_date at time zone a.timezone)::date - (now() at time zone a.timezone)::date > v_exempt
        );
    if v_used + 1 <= v_max then
        return null;
    end if;
    return app.finding(
        'max_open',
        format('At most %s ahead; with this one it would be %s.', app.count_words(v_max, 'booking'), v_used + 1),
        jsonb_build_object(
            'max', v_max, 'exempt_within_days', v_exempt, 'used', v_used, 'requested', 1, 'total', v_used + 1
        )
    );
end;
$$;
