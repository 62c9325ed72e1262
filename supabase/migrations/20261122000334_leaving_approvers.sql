-- Approvers who leave, or lose what made them approvers, drop out of what is still being decided, whoever takes it from
-- them. The set is then found anew from the rule as it was at submission: an empty set never approves.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Takes one person out of a pending request. What that person said does not count any more. p_may_approve: whether what
-- the others have said may suffice; else the owners are asked. Under the row's lock.
create function app.drop_from_request(
    p_request public.approval_requests, p_row public.reservations, p_user_id uuid, p_leaving uuid,
    p_may_approve boolean default true
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_request public.approval_requests := p_request;
    v_section public.asset_section := (select a.section from public.assets a where a.id = p_row.asset_id);
    v_count record;
    v_found jsonb;
begin
    update public.rule_approvals a set status = 'dropped'
    where a.request_id = p_request.id and a.user_id = p_user_id and a.status in ('pending', 'approved');
    if p_request.approval_type in ('all_principals', 'tier_members', 'specific_users') and not p_request.fell_to_owners then
        update public.approval_requests q
        set required = greatest(1, (
            select count(*) from public.rule_approvals a
            where a.request_id = q.id and a.status in ('pending', 'approved') and not a.as_owner
        ))
        where q.id = p_request.id
        returning * into v_request;
    end if;
    v_count := app.count_approvals(v_request);
    if v_count.outcome = 'approved' and p_may_approve then
        perform app.close_approval_request(v_request.id, 'approved');
        return;
    elsif v_count.outcome = 'approved' then
        perform app.escalate_or_give_up(v_request, p_row, p_leaving);
        return;
    elsif v_count.decidable then
        return;
    end if;

    -- Those who have said no stay counted as such, and are not asked again.
    v_found := app.find_approvers(
        v_request.organization_id,
        jsonb_build_object(
            'approval_type', v_request.approval_type, 'approver_tier_id', v_request.approver_tier_id,
            'approver_user_ids', to_jsonb(v_request.approver_user_ids), 'quorum', v_request.required
        ),
        v_section,
        array[p_row.user_id, v_request.user_id, v_request.submitted_by, p_leaving] || array(
            select a.user_id from public.rule_approvals a where a.request_id = v_request.id and a.status = 'rejected'
        )
    );
    if v_found is not null then
        insert into public.rule_approvals as a (organization_id, request_id, user_id, as_owner)
        select v_request.organization_id, v_request.id, u.id::uuid, v_found -> 'owners' ? u.id
        from jsonb_array_elements_text(v_found -> 'approvers') as u(id)
        on conflict (request_id, user_id) do update
            set status = 'pending', decided_by = null, responded_at = null, as_owner = excluded.as_owner
            where a.status = 'dropped';
        update public.approval_requests q
        set required = (v_found ->> 'required')::integer, fell_to_owners = (v_found ->> 'fell_to_owners')::boolean
        where q.id = v_request.id
        returning * into v_request;
    end if;
    if v_found is null or not (app.count_approvals(v_request)).decidable then
        perform app.escalate_or_give_up(v_request, p_row, p_leaving);
    end if;
end;
$$;

-- Passes a request to the owners; where there is none who may decide, the next run of expire_approvals rejects it.
create function app.escalate_or_give_up(
    p_request public.approval_requests, p_row public.reservations, p_leaving uuid
)
returns void
language plpgsql
set search_path = ''
as $$
begin
    if not app.escalate_approval_request(p_request, p_row, p_leaving) then
        update public.approval_requests q set expires_at = now() where q.id = p_request.id;
    end if;
end;
$$;

-- Drops this person wherever he or she may not decide any more; everywhere, if p_leaving. p_organization_id null: in
-- all organisations. Bookings in the order of their ids, so that two who leave at once wait for each other in no circle.
create function app.recheck_approver(p_user_id uuid, p_organization_id uuid, p_leaving boolean)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_row public.reservations;
    v_request public.approval_requests;
begin
    for v_row in
        select r.*
        from public.reservations r
        where r.status = 'pending' and r.id in (
            select q.reservation_id
            from public.rule_approvals a
            join public.approval_requests q on q.id = a.request_id and q.status = 'pending'
            where a.user_id = p_user_id and a.status in ('pending', 'approved')
                and (p_organization_id is null or a.organization_id = p_organization_id)
        )
        order by r.id
        for no key update
    loop
        for v_request in
            select q.*
            from public.approval_requests q
            join public.rule_approvals a on a.request_id = q.id and a.user_id = p_user_id
            where q.reservation_id = v_row.id and q.status = 'pending' and a.status in ('pending', 'approved')
                and (
                    p_leaving
                    or p_user_id <> all (app.eligible_approvers(
                        q.organization_id, case when a.as_owner then 'owners' else q.approval_type end,
                        q.approver_tier_id, q.approver_user_ids,
                        (select s.section from public.assets s where s.id = v_row.asset_id), '{}'
                    ))
                )
            order by q.id
        loop
            perform app.drop_from_request(v_request, v_row, p_user_id, case when p_leaving then p_user_id end);
        end loop;
        perform app.settle_approvals(v_row);
    end loop;
end;
$$;

create function app.recheck_member_as_approver()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- An organisation that goes takes its bookings along.
    if exists (select from public.organizations o where o.id = old.organization_id) then
        perform app.recheck_approver(old.user_id, old.organization_id, tg_op = 'DELETE');
    end if;
    return null;
end;
$$;
create trigger recheck_approver_on_delete after delete on public.organization_members
    for each row execute function app.recheck_member_as_approver();
create trigger recheck_approver_on_change after update on public.organization_members
    for each row when (
        (old.organization_id, old.user_id, old.role, old.tier_id)
            is distinct from (new.organization_id, new.user_id, new.role, new.tier_id)
    )
    execute function app.recheck_member_as_approver();

-- Before the profile goes, and its memberships with it: once it has, nobody knows whose decisions those were. Its name
-- puts it behind release_bookings, which takes the locks of assets; those come before the rows'.
create function app.drop_deleted_approver()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.recheck_approver(old.id, null, true);
    return old;
end;
$$;
create trigger withdraw_approver before delete on public.profiles
    for each row execute function app.drop_deleted_approver();

-- Whoever ends a booking, the dashboard too, ends what was asked about it. Whoever passes it on to somebody else takes that
-- one's voice in it; and what the others had said was said of another's booking, so that it alone does not approve it.
create function app.follow_reservation_with_approvals()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_request public.approval_requests;
begin
    for v_request in
        select q.* from public.approval_requests q
        where q.reservation_id = new.id and q.status = 'pending'
        order by q.id
    loop
        if new.status <> 'pending' then
            perform app.close_approval_request(v_request.id, 'voided');
        elsif new.user_id is not null then
            update public.approval_requests q set user_id = new.user_id
            where q.id = v_request.id
            returning * into v_request;
            if exists (
                select from public.rule_approvals a
                where a.request_id = v_request.id and a.user_id = new.user_id and a.status in ('pending', 'approved')
            ) then
                perform app.drop_from_request(v_request, new, new.user_id, null, false);
            end if;
        end if;
    end loop;
    return null;
end;
$$;
create trigger approvals_end_or_follow after update of status, user_id on public.reservations
    for each row when (
        old.status = 'pending' and (old.status, old.user_id) is distinct from (new.status, new.user_id)
    )
    execute function app.follow_reservation_with_approvals();
