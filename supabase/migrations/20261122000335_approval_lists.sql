-- The list of approvals, and standing in for somebody who is away.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Requests, the newest first. p_scope 'mine': what the caller decides or decided, for somebody else too; 'requested': of
-- the caller's own bookings; 'all': for managers and above. `can_decide`: it waits for the caller now.
create function public.list_approvals(
    p_organization_id uuid, p_scope text default 'mine', p_status text default null, p_limit integer default 50,
    p_offset integer default 0
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
    v_sections public.asset_section[] := app.visible_sections(p_organization_id);
    v_requests public.approval_requests[];
    v_total integer;
begin
    perform app.fail_fields(
        case when p_scope in ('mine', 'requested', 'all') then '[]' else jsonb_build_array(
            app.field_error(
                'scope', 'literal_error', 'This must be mine, requested or all.',
                '{"expected": ["mine", "requested", "all"]}'
            )
        ) end
        || case when coalesce(p_status, 'pending') in ('pending', 'approved', 'rejected', 'expired', 'voided') then '[]'
            else jsonb_build_array(app.field_error('status', 'literal_error', 'There is no such status.')) end
    );
    if p_scope = 'all' then
        perform app.require_member(p_organization_id, 'manager');
    end if;
    with found as materialized (
        select q.*
        from public.approval_requests q
        where q.organization_id = p_organization_id
            and (p_status is null or q.status = p_status)
            and case p_scope
                when 'all' then true
                when 'requested' then q.user_id = auth.uid()
                else q.id in (select app.asked_approval_requests(p_organization_id))
            end
            -- A tier's sections narrow what its members see of bookings, and so of what is asked about them.
            and (v_sections is null or exists (
                select from public.reservations r
                join public.assets s on s.id = r.asset_id
                where r.id = q.reservation_id and s.section = any (v_sections)
            ))
    )
    select
        (select count(*) from found),
        array(
            select row(f.*)::public.approval_requests
            from found f
            order by f.created_at desc, f.id
            limit least(greatest(p_limit, 1), 100) offset greatest(p_offset, 0)
        )
    into v_total, v_requests;
    return jsonb_build_object(
        'total', v_total,
        'items', (
            select coalesce(jsonb_agg(
                app.approval_json(q) || jsonb_build_object(
                    'can_decide', v_role <= 'member' and app.waits_for_caller(q),
                    'reservation', app.reservation_state(r) || jsonb_build_object(
                        'booked_by', app.person_name(r.user_id), 'asset_name', s.name, 'section', s.section,
                        'time_zone', s.timezone
                    )
                )
                order by q.created_at desc, q.id
            ), '[]')
            from unnest(v_requests) q
            join public.reservations r on r.id = q.reservation_id
            join public.assets s on s.id = r.asset_id
        )
    );
end;
$$;
grant execute on function public.list_approvals(uuid, text, text, integer, integer) to authenticated;

-- The requests of this organisation that ask the caller, or somebody for whom the caller stands in now, or that the
-- caller has decided on.
create function app.asked_approval_requests(p_organization_id uuid)
returns setof uuid
language sql
stable
set search_path = ''
as $$
    select a.request_id from public.rule_approvals a
    where a.user_id = auth.uid() and a.organization_id = p_organization_id and a.status <> 'dropped'
    union
    select a.request_id from public.rule_approvals a
    where a.decided_by = auth.uid() and a.organization_id = p_organization_id
    union
    select a.request_id
    from public.approval_delegations d
    join public.rule_approvals a on a.organization_id = d.organization_id and a.user_id = d.user_id
    where d.delegate_id = auth.uid() and d.organization_id = p_organization_id
        and now() >= d.starts_at and now() < d.ends_at
$$;

-- Whether the caller may decide on this request now.
create function app.waits_for_caller(p_request public.approval_requests)
returns boolean
language sql
stable
set search_path = ''
as $$
    select p_request.status = 'pending'
        and auth.uid() is distinct from p_request.user_id and auth.uid() is distinct from p_request.submitted_by
        and exists (
            select from public.rule_approvals a
            where a.request_id = p_request.id and app.awaits_decision(a, p_request) and app.decides_for(a)
        )
        and not (p_request.approval_type = 'quorum' and exists (
            select from public.rule_approvals a
            where a.request_id = p_request.id and a.decided_by = auth.uid() and a.status in ('approved', 'rejected')
                and not app.awaits_decision(a, p_request)
        ))
$$;

create function app.delegation_json(p_row public.approval_delegations)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'id', p_row.id, 'organization_id', p_row.organization_id,
        'user_id', p_row.user_id, 'name', app.person_name(p_row.user_id),
        'delegate_id', p_row.delegate_id, 'delegate_name', app.person_name(p_row.delegate_id),
        'starts_at', app.utc(p_row.starts_at), 'ends_at', app.utc(p_row.ends_at), 'created_at', app.utc(p_row.created_at)
    );
end;
$$;

-- Delegations that have not ended: one's own and those to oneself; for managers and above, all.
create function public.list_approval_delegations(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
begin
    return (
        select jsonb_build_object(
            'items', coalesce(jsonb_agg(app.delegation_json(d) order by d.starts_at, d.id), '[]'), 'total', count(*)
        )
        from public.approval_delegations d
        where d.organization_id = p_organization_id and d.ends_at > now()
            and (v_role <= 'manager' or auth.uid() in (d.user_id, d.delegate_id))
    );
end;
$$;
grant execute on function public.list_approval_delegations(uuid) to authenticated;

-- Lets another member decide in the caller's place until p_ends_at, at most a year. Nobody can do it for somebody else.
create function public.create_approval_delegation(
    p_organization_id uuid, p_delegate_id uuid, p_ends_at timestamptz, p_starts_at timestamptz default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_starts_at timestamptz := coalesce(p_starts_at, now());
    v_row public.approval_delegations;
    v_answer jsonb;
    v_errors jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'create_approval_delegation', p_idempotency_key,
        jsonb_build_object(
            'organization_id', p_organization_id, 'delegate_id', p_delegate_id,
            'starts_at', extract(epoch from p_starts_at), 'ends_at', extract(epoch from p_ends_at)
        )
    );
    if v_answer is not null then
        return v_answer;
    end if;
    perform app.require_member(p_organization_id, 'member');
    perform app.require_aal2(p_organization_id);
    v_errors := app.range_errors(v_starts_at, p_ends_at, 'starts_at', 'ends_at');
    if v_errors = '[]' and p_ends_at <= now() then
        v_errors := v_errors || app.field_error('ends_at', 'datetime_future', 'This must lie in the future.');
    elsif v_errors = '[]' and p_ends_at - v_starts_at > interval '366 days' then
        v_errors := v_errors || app.field_error(
            'ends_at', 'range_too_long', 'A delegation takes 366 days at most.', '{"max_days": 366}'
        );
    end if;
    if p_delegate_id = auth.uid() then
        v_errors := v_errors || app.field_error('delegate_id', 'same_person', 'Name somebody else.');
    elsif not exists (
        select from public.organization_members m
        where m.organization_id = p_organization_id and m.user_id = p_delegate_id and m.role <= 'member'
    ) then
        v_errors := v_errors || app.field_error('delegate_id', 'not_found', 'There is no such member who may decide.');
    end if;
    perform app.fail_fields(v_errors);
    insert into public.approval_delegations (organization_id, user_id, delegate_id, starts_at, ends_at)
    values (p_organization_id, auth.uid(), p_delegate_id, v_starts_at, p_ends_at)
    returning * into v_row;
    v_answer := app.delegation_json(v_row);
    perform app.keep_answer('create_approval_delegation', p_idempotency_key, v_answer);
    return v_answer;
exception
    -- Either was removed in this instant.
    when foreign_key_violation then
        perform app.fail('NOT_FOUND', 'There is no such member.', 404);
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_approval_delegation(uuid, uuid, timestamptz, timestamptz, text) to authenticated;

-- Ends a delegation: whoever gave it, whoever got it, and admins and owners.
create function public.delete_approval_delegation(p_delegation_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.approval_delegations;
    v_role public.member_role;
begin
    perform app.require_user();
    select * into v_row from public.approval_delegations d where d.id = p_delegation_id;
    v_role := app.member_role(v_row.organization_id);
    if v_role is null or (v_role > 'manager' and auth.uid() not in (v_row.user_id, v_row.delegate_id)) then
        perform app.fail('NOT_FOUND', 'There is no such delegation.', 404);
    end if;
    if auth.uid() not in (v_row.user_id, v_row.delegate_id) then
        perform app.require_member(v_row.organization_id, 'admin');
    end if;
    perform app.require_aal2(v_row.organization_id);
    delete from public.approval_delegations d where d.id = p_delegation_id;
    return app.delegation_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_approval_delegation(uuid) to authenticated;
