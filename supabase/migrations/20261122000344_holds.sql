-- Holds: an asset's time kept for a few minutes while a form is filled in; and what time does to holds and bookings.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Which of a person's holds of an asset a new one replaces.
create function app.replaceable_holds(p_asset_id uuid, p_user_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select r.id from public.reservations r
        where r.asset_id = p_asset_id and r.user_id = p_user_id and r.status = 'hold'
    );
end;
$$;

-- A hold as its holder sees it.
create function app.hold_json(p_row public.reservations, p_asset public.assets)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', p_row.id, 'organization_id', p_row.organization_id, 'asset_id', p_row.asset_id,
        'start_date', app.utc(p_row.start_date), 'end_date', app.utc(p_row.end_date), 'time_zone', p_asset.timezone,
        'expires_at', app.utc(p_row.hold_expires_at)
    )
$$;

-- Keeps the time for five minutes. One for each person and asset: a new one takes the place of the old. The rules are
-- asked here, so that nobody fills in a form for what will be refused; `outcome` says whether it will need approval.
create function public.create_hold(p_asset_id uuid, p_start_date timestamptz, p_end_date timestamptz)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_asset public.assets;
    v_old uuid[];
    v_case app.booking_case;
    v_verdict app.verdict;
    v_row public.reservations;
begin
    perform app.require_user();
    v_asset := app.bookable_asset(p_asset_id);
    perform app.fail_fields(app.booking_errors(
        'Hold', p_start_date, p_end_date, null, null, null, null, null, date_trunc('minute', now())
    ));
    perform app.lock_assets(array[p_asset_id]);
    perform app.lock_people(v_asset.organization_id, array[auth.uid()]);
    perform app.sweep_asset(p_asset_id);
    v_asset := app.bookable_asset(p_asset_id);
    v_old := app.replaceable_holds(p_asset_id, auth.uid());
    v_case := app.make_case(v_asset, auth.uid(), p_start_date, p_end_date, v_old);
    v_verdict := app.weigh(v_case);
    if v_verdict.outcome = 'refused' then
        perform app.fail_rules(v_verdict.violations, app.obstacles(v_asset, v_case, v_verdict) -> 'conflicts');
    end if;
    perform app.refuse_taken(v_asset, p_start_date, p_end_date, v_old);
    delete from public.reservations r where r.id = any (v_old);
    insert into public.reservations
        (organization_id, asset_id, user_id, title, start_date, end_date, status, hold_expires_at)
    values (
        v_asset.organization_id, p_asset_id, auth.uid(), 'Hold', p_start_date, p_end_date, 'hold',
        now() + interval '5 minutes'
    )
    returning * into v_row;
    if v_old <> '{}' then
        perform app.advance_waitlist(p_asset_id);
    end if;
    return app.hold_json(v_row, v_asset)
        || jsonb_build_object('outcome', v_verdict.outcome, 'violations', v_verdict.violations);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_hold(uuid, timestamptz, timestamptz) to authenticated;

-- Gives one's hold up before it expires.
create function public.release_hold(p_hold_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_hold public.reservations;
begin
    perform app.require_user();
    select * into v_hold
    from public.reservations r
    where r.id = p_hold_id and r.user_id = auth.uid() and r.status = 'hold';
    if not found or app.member_role(v_hold.organization_id) is null then
        perform app.fail('NOT_FOUND', 'There is no such hold.', 404);
    end if;
    perform app.require_aal2(v_hold.organization_id);
    perform app.lock_assets(array[v_hold.asset_id]);
    delete from public.reservations r where r.id = p_hold_id and r.status = 'hold';
    if found then
        perform app.advance_waitlist(v_hold.asset_id);
    end if;
    return jsonb_build_object('id', p_hold_id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.release_hold(uuid) to authenticated;

-- What time does, in batches, for the schedule. Nothing waits for it to be on time, and two may run at once: each takes
-- what the other has not. They answer how many they dealt with; fewer than a batch means that all is done.

-- Deletes expired holds, an asset at a time: whoever is just writing to an asset sweeps it too.
create function public.expire_holds()
returns integer
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_asset_id uuid;
    v_count integer := 0;
begin
    for v_asset_id in
        select distinct r.asset_id
        from public.reservations r
        where r.status = 'hold' and r.hold_expires_at <= now()
        order by r.asset_id
        limit 100
    loop
        -- Only tried: to wait for a second asset while holding others would want them sorted, and time.
        if app.try_lock_asset(v_asset_id) then
            v_count := v_count + app.sweep_asset(v_asset_id);
        end if;
    end loop;
    return v_count;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.expire_holds() to service_role;

-- What complete_reservations looks for: few rows of many.
-- squawk-ignore require-concurrent-index-creation
create index reservations_to_complete on public.reservations (end_date) where status = 'approved';

-- An approved booking whose time is over has taken place.
create function public.complete_reservations()
returns integer
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_count integer;
begin
    update public.reservations r
    set status = 'completed'
    from (
        select d.id from public.reservations d
        where d.status = 'approved' and d.end_date <= now()
        order by d.end_date
        limit 500
        for update skip locked
    ) due
    where r.id = due.id;
    get diagnostics v_count = row_count;
    return v_count;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.complete_reservations() to service_role;
