-- Deciding on a booking, and what decisions come to.
--
-- All that is decided about a booking is decided under the lock of its row, in the order of app.lock_assets, the row,
-- then its requests: two approvals at once count each other, and neither meets a cancellation half done.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Whether this approver's word is wanted: not given yet, or given before the request passed to the owners, of whom any
-- one decides since. Without a SET clause, so that queries see through it.
create function app.awaits_decision(p_approval public.rule_approvals, p_request public.approval_requests)
returns boolean
language sql
stable
parallel safe
as $$
    select p_request.status = 'pending' and (
        p_approval.status = 'pending'
        or (
            p_approval.status in ('approved', 'rejected') and p_approval.decides_alone
            and p_approval.responded_at < p_request.escalated_at
        )
    )
$$;

-- What a pending request has come to. people: how many approve, each person once in a quorum, whoever stood in for whom;
-- open: how many may still; decidable: whether those can still suffice. Never approved without an approval.
create function app.count_approvals(
    p_request public.approval_requests,
    out people integer, out open integer, out outcome text, out decidable boolean
)
language plpgsql
stable
set search_path = ''
as $$
declare
    v_quorum boolean := p_request.approval_type = 'quorum';
    v_deciders uuid[];
    v_rejected boolean;
    v_alone text;
    v_alone_open boolean;
begin
    select
        array_agg(distinct coalesce(a.decided_by, a.user_id, a.id)) filter (where a.status = 'approved'),
        count(*) filter (where a.status = 'approved'),
        coalesce(bool_or(a.status = 'rejected'), false),
        -- Of the owners to whom it passed, the first one's word.
        (array_agg(a.status order by a.responded_at) filter (
            where a.decides_alone and a.status in ('approved', 'rejected') and a.responded_at > p_request.escalated_at
        ))[1],
        coalesce(bool_or(a.decides_alone and app.awaits_decision(a, p_request)), false)
    into v_deciders, people, v_rejected, v_alone, v_alone_open
    from public.rule_approvals a
    where a.request_id = p_request.id;
    if v_quorum then
        people := coalesce(cardinality(v_deciders), 0);
    end if;
    select count(*) into open
    from public.rule_approvals a
    where a.request_id = p_request.id and a.status = 'pending'
        and not (v_quorum and a.user_id = any (coalesce(v_deciders, '{}')));
    decidable := v_alone_open or people + open >= p_request.required;
    outcome := case
        when v_alone is not null then v_alone
        when v_rejected and not v_quorum then 'rejected'
        when people >= p_request.required then 'approved'
        when v_rejected and not decidable then 'rejected'
        else 'pending'
    end;
end;
$$;

-- Ends a request: whoever has not answered need not any more.
create function app.close_approval_request(p_request_id uuid, p_status text)
returns void
language sql
set search_path = ''
as $$
    update public.approval_requests q set status = p_status where q.id = p_request_id;
    update public.rule_approvals a set status = 'voided' where a.request_id = p_request_id and a.status = 'pending'
$$;

-- What forbids to approve this booking now, as {code, message, status, details}; null if nothing does.
create function app.approval_obstacle(p_row public.reservations)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_found record;
begin
    select * into v_asset from public.assets a where a.id = p_row.asset_id;
    select o.code, o.message, o.details into v_found
    from (values
        (
            p_row.status <> 'pending', 'INVALID_STATE', format('The reservation is %s.', p_row.status),
            jsonb_build_object('reason', 'status', 'status', p_row.status)
        ),
        (
            p_row.start_date <= now(), 'INVALID_STATE', 'The booking has begun already.',
            jsonb_build_object('reason', 'already_begun')
        ),
        (
            v_asset.deleted_at is not null, 'INVALID_STATE', 'The asset has been archived.',
            jsonb_build_object('reason', 'asset_deleted')
        ),
        (
            not v_asset.is_active, 'INVALID_STATE', 'The asset is out of service.',
            jsonb_build_object('reason', 'asset_inactive')
        ),
        (
            not exists (
                select from public.entitlements e
                where e.organization_id = p_row.organization_id and e.section = v_asset.section and e.is_active
            ),
            'FORBIDDEN', format('The subscription does not include %s.', v_asset.section),
            jsonb_build_object('reason', 'section_not_entitled', 'section', v_asset.section)
        ),
        (
            not exists (
                select from public.organization_members m
                where m.organization_id = p_row.organization_id and m.user_id = p_row.user_id and m.role <= 'member'
            ),
            'INVALID_STATE', 'Whoever booked it may not book here any more.',
            jsonb_build_object('reason', 'booker_not_member')
        ),
        -- While it stands, the constraint keeps maintenance and other bookings away.
        (
            not exists (
                select from app.occupancy o where o.source_id = p_row.id and o.asset_id = p_row.asset_id
            ),
            'INVALID_STATE', 'The booking does not hold its time any more.', jsonb_build_object('reason', 'slot_lost')
        )
    ) as o(applies, code, message, details)
    where o.applies
    limit 1;
    if not found then
        return null;
    end if;
    return jsonb_build_object(
        'code', v_found.code, 'message', v_found.message,
        'status', case v_found.code when 'FORBIDDEN' then 403 else 409 end, 'details', v_found.details
    );
end;
$$;

-- Approves a pending booking of which all requests are met; else it stays as it is. Under the row's lock.
create function app.settle_approvals(p_row public.reservations)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations := p_row;
    v_by uuid;
begin
    if exists (
        select from public.approval_requests q where q.reservation_id = p_row.id and q.status = 'pending'
    ) then
        return v_row;
    end if;
    select a.decided_by into v_by
    from public.approval_requests q
    join public.rule_approvals a on a.request_id = q.id and a.status = 'approved'
    where q.reservation_id = p_row.id and q.status = 'approved'
    order by a.responded_at desc
    limit 1;
    if not found or app.approval_obstacle(p_row) is not null then
        return v_row;
    end if;
    update public.reservations r
    set status = 'approved', approved_by = v_by, approved_at = now()
    where r.id = p_row.id and r.status = 'pending'
    returning * into v_row;
    return v_row;
end;
$$;

-- The approvals that the caller gives or refuses here: one's own, and of those for whom one stands in. In a quorum each
-- person has one voice: one's own first, and none for somebody else besides. Raises what says why there is none.
create function app.approvals_to_decide(p_row public.reservations, p_rule_id uuid)
returns setof public.rule_approvals
language plpgsql
stable
set search_path = ''
as $$
begin
    if auth.uid() = p_row.user_id or exists (
        select from public.approval_requests q
        where q.reservation_id = p_row.id and q.status = 'pending' and q.submitted_by = auth.uid()
            and (p_rule_id is null or q.rule_id = p_rule_id)
    ) then
        perform app.fail(
            'FORBIDDEN', 'Nobody decides on a booking of their own.', 403, jsonb_build_object('reason', 'own_request')
        );
    end if;
    return query
        select a.*
        from public.approval_requests q
        join public.rule_approvals a on a.request_id = q.id
        where q.reservation_id = p_row.id and app.awaits_decision(a, q)
            and (p_rule_id is null or q.rule_id = p_rule_id)
            and app.decides_for(a)
            and (q.approval_type <> 'quorum' or a.id = (
                select o.id
                from public.rule_approvals o
                where o.request_id = q.id and app.awaits_decision(o, q) and app.decides_for(o)
                    and not exists (
                        select from public.rule_approvals said
                        where said.request_id = q.id and said.decided_by = auth.uid()
                            and said.status in ('approved', 'rejected')
                            and not app.awaits_decision(said, q)
                    )
                order by o.user_id = auth.uid() desc, o.decides_alone desc, o.id
                limit 1
            ));
    if found then
        return;
    elsif exists (
        select from public.approval_requests q
        join public.rule_approvals a on a.request_id = q.id
        where q.reservation_id = p_row.id and q.status in ('pending', 'approved') and a.decided_by = auth.uid()
            and a.status in ('approved', 'rejected') and (p_rule_id is null or q.rule_id = p_rule_id)
    ) then
        perform app.fail(
            'INVALID_STATE', 'You have decided on this already.', 409, jsonb_build_object('reason', 'already_decided')
        );
    end if;
    perform app.fail(
        'FORBIDDEN', 'You are not asked to decide on this booking.', 403, jsonb_build_object('reason', 'not_approver')
    );
end;
$$;

-- Whether the caller is this approver, or stands in for this approver now.
create function app.decides_for(p_approval public.rule_approvals)
returns boolean
language sql
stable
set search_path = ''
as $$
    select p_approval.user_id = auth.uid() or exists (
        select from public.approval_delegations d
        where d.organization_id = p_approval.organization_id and d.user_id = p_approval.user_id
            and d.delegate_id = auth.uid() and now() >= d.starts_at and now() < d.ends_at
    )
$$;

-- Writes the caller's decision and closes the requests that it settles. True if one of them is rejected by it.
create function app.record_decision(p_row public.reservations, p_decision text, p_notes text, p_rule_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_mine uuid[] := array(select a.id from app.approvals_to_decide(p_row, p_rule_id) a);
    v_request public.approval_requests;
    v_outcome text;
    v_rejected boolean := false;
begin
    -- The clock's time, not the transaction's: whoever waited for the lock decided later.
    update public.rule_approvals a
    set status = case p_decision when 'approve' then 'approved' else 'rejected' end,
        decided_by = auth.uid(), responded_at = clock_timestamp(), response_notes = p_notes
    where a.id = any (v_mine);
    for v_request in
        select q.* from public.approval_requests q
        where q.id in (select a.request_id from public.rule_approvals a where a.id = any (v_mine))
        order by q.id
    loop
        v_outcome := (app.count_approvals(v_request)).outcome;
        if v_outcome <> 'pending' then
            perform app.close_approval_request(v_request.id, v_outcome);
            v_rejected := v_rejected or v_outcome = 'rejected';
        end if;
    end loop;
    return v_rejected;
end;
$$;

-- Approves or rejects a pending booking, for whoever is asked to: all rules that ask the caller, or only the one named.
-- A rejection frees the time at once.
create function public.decide_reservation(
    p_reservation_id uuid, p_decision text, p_notes text default null, p_rule_id uuid default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_notes text := nullif(btrim(p_notes), '');
    v_seen public.reservations;
    v_row public.reservations;
    v_obstacle jsonb;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'decide_reservation', p_idempotency_key,
        jsonb_build_object('id', p_reservation_id, 'decision', p_decision, 'notes', p_notes, 'rule_id', p_rule_id)
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_seen := app.visible_reservation(p_reservation_id);
    perform app.require_member(v_seen.organization_id, 'member');
    perform app.require_aal2(v_seen.organization_id);
    perform app.fail_fields(
        case when p_decision in ('approve', 'reject') then '[]' else jsonb_build_array(
            app.field_error(
                'decision', 'literal_error', 'This must be approve or reject.', '{"expected": ["approve", "reject"]}'
            )
        ) end
        || app.text_errors(jsonb_build_object('notes', v_notes), 'notes', 2000)
    );
    perform app.lock_assets(array[v_seen.asset_id]);
    select * into v_row from public.reservations r where r.id = p_reservation_id for no key update;
    if v_row.asset_id is distinct from v_seen.asset_id then
        -- Deleted, or moved to an asset that we hold no lock of, while we waited for ours.
        perform app.fail_busy();
    end if;
    v_obstacle := app.approval_obstacle(v_row);
    if v_obstacle is not null
        and (p_decision = 'approve' or v_obstacle #>> '{details,reason}' in ('status', 'already_begun'))
    then
        perform app.fail(
            v_obstacle ->> 'code', v_obstacle ->> 'message', (v_obstacle ->> 'status')::integer, v_obstacle -> 'details'
        );
    end if;
    if app.record_decision(v_row, p_decision, v_notes, p_rule_id) then
        v_row := app.release_booking(v_row, 'rejected', v_notes);
    else
        v_row := app.settle_approvals(v_row);
        if v_row.status = 'pending' then
            -- Who has approved is part of the booking, and so of its version.
            update public.reservations r set updated_at = clock_timestamp() where r.id = v_row.id returning * into v_row;
        end if;
    end if;
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('decide_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.decide_reservation(uuid, text, text, uuid, text) to authenticated;
