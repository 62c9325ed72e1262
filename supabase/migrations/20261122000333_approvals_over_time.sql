-- What time does to approvals: past its timeout a request passes to the owners once, past the next the booking is
-- rejected; what nobody decided before its start expires.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Passes a request to the owners, of whom any one decides for all from now on. False if nobody is left to wait for.
create function app.escalate_approval_request(
    p_request public.approval_requests, p_row public.reservations, p_leaving uuid default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_section public.asset_section := (select a.section from public.assets a where a.id = p_row.asset_id);
    v_request public.approval_requests;
begin
    insert into public.rule_approvals as a (organization_id, request_id, user_id, as_owner, decides_alone)
    select p_request.organization_id, p_request.id, o.id, true, true
    from unnest(app.eligible_approvers(
        p_request.organization_id, 'owners', null, null, v_section,
        array[p_row.user_id, p_request.user_id, p_request.submitted_by, p_leaving]
    )) as o(id)
    on conflict (request_id, user_id) do update
        set decides_alone = true,
            as_owner = a.as_owner or a.status = 'dropped',
            -- Whoever left and came back is asked anew.
            decided_by = case when a.status <> 'dropped' then a.decided_by end,
            responded_at = case when a.status <> 'dropped' then a.responded_at end,
            status = case when a.status = 'dropped' then 'pending' else a.status end;
    update public.approval_requests q
    set escalated_at = coalesce(q.escalated_at, clock_timestamp()),
        expires_at = case
            when q.escalated_at is not null then q.expires_at
            else least(now() + make_interval(hours => q.timeout_hours), p_row.start_date)
        end
    where q.id = p_request.id
    returning * into v_request;
    return app.is_anyone_asked(v_request);
end;
$$;

create function app.is_anyone_asked(p_request public.approval_requests)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select from public.rule_approvals a where a.request_id = p_request.id and app.awaits_decision(a, p_request)
    )
$$;

-- One booking that is due: 'escalated', 'rejected', 'expired', or null where nothing was to be done. Under the locks of
-- its asset and its row.
create function app.expire_approvals_of(p_row public.reservations)
returns text
language plpgsql
set search_path = ''
as $$
declare
    v_request public.approval_requests;
    v_result text;
    v_reason text;
begin
    if p_row.start_date <= now() then
        perform app.close_approval_request(q.id, 'expired')
        from public.approval_requests q
        where q.reservation_id = p_row.id and q.status = 'pending';
        perform app.release_booking(p_row, 'expired');
        return 'expired';
    end if;
    for v_request in
        select q.* from public.approval_requests q
        where q.reservation_id = p_row.id and q.status = 'pending' and q.expires_at <= now()
        order by q.id
    loop
        v_reason := case
            when not (
                case
                    when v_request.escalated_at is null then app.escalate_approval_request(v_request, p_row)
                    else app.is_anyone_asked(v_request)
                end
            ) then 'Nobody is left who may decide.'
            when v_request.escalated_at is not null then 'Nobody decided in time.'
        end;
        if v_reason is not null then
            perform app.close_approval_request(v_request.id, 'expired');
            perform app.release_booking(p_row, 'rejected', v_reason);
            return 'rejected';
        end if;
        v_result := 'escalated';
    end loop;
    return v_result;
end;
$$;

-- Does what is due, at most p_limit bookings, and says how many of each and whether there may be more. Any number of these
-- may run at once: whatever another transaction is at work on is left to the next run, so this one never waits with the
-- locks of many assets in its hands.
create function public.expire_approvals(p_limit integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
    v_due record;
    v_row public.reservations;
    v_result text;
    v_seen integer := 0;
    v_done jsonb := '{"escalated": 0, "rejected": 0, "expired": 0}';
begin
    for v_due in
        select r.id, r.asset_id
        from public.reservations r
        where r.status = 'pending' and r.start_date <= now()
        union
        select r.id, r.asset_id
        from public.approval_requests q
        join public.reservations r on r.id = q.reservation_id and r.status = 'pending'
        where q.status = 'pending' and q.expires_at <= now()
        order by asset_id, id
        limit least(greatest(p_limit, 1), 1000)
    loop
        v_seen := v_seen + 1;
        begin
            continue when not app.try_lock_asset(v_due.asset_id);
            select * into v_row
            from public.reservations r
            where r.id = v_due.id and r.asset_id = v_due.asset_id and r.status = 'pending'
            for no key update skip locked;
            continue when not found;
            v_result := app.expire_approvals_of(v_row);
            if v_result is not null then
                v_done := jsonb_set(v_done, array[v_result], to_jsonb((v_done ->> v_result)::integer + 1));
            end if;
        exception
            -- Left to the next run, as what was locked before; a booking that cannot be ended stops no other one's end.
            when lock_not_available or deadlock_detected or sqlstate 'PGRST' then
                null;
        end;
    end loop;
    return v_done || jsonb_build_object('more', v_seen >= least(greatest(p_limit, 1), 1000));
end;
$$;
grant execute on function public.expire_approvals(integer) to service_role;
