-- Who has to approve a booking, and what they said. The rule, its version and its approvers are copied when the booking
-- is submitted: a rule that is changed or deleted later changes nothing about what is being decided.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- One for each rule that asks for approval of a reservation. The booking is approved when all of them are.
create table public.approval_requests (
    id uuid primary key default gen_random_uuid(),
    -- The reservation's, which never changes: app.complete_approval_request sets it, whoever writes.
    organization_id uuid not null,
    reservation_id uuid not null references public.reservations (id) on delete cascade,
    -- Whose booking it is, and who submitted it. Neither may decide.
    user_id uuid references public.profiles (id) on delete set null,
    submitted_by uuid references public.profiles (id) on delete set null,
    -- Null for a tier's own limit. No foreign key: the rule may be deleted meanwhile.
    rule_id uuid,
    rule_type text not null,
    rule_name text check (length(rule_name) <= 200),
    rule_version integer,
    approval_type text not null constraint approval_requests_type_known
        check (approval_type in ('any_approver', 'all_principals', 'tier_members', 'specific_users', 'quorum')),
    -- What the rule says about who approves, as of submission; the principals' tier is a tier like any other.
    approver_tier_id uuid,
    approver_user_ids uuid[],
    -- How many have to approve: of those types of which all must, as many as there are.
    required integer not null check (required >= 1),
    -- Nobody of the rule's own was there to decide; any one of the owners does.
    fell_to_owners boolean not null default false,
    timeout_hours integer not null check (timeout_hours between 1 and 8784),
    status text not null default 'pending' constraint approval_requests_status_known
        check (status in ('pending', 'approved', 'rejected', 'expired', 'voided')),
    expires_at timestamptz not null,
    -- When it passed to the owners, which it does once.
    escalated_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, organization_id)
);
create unique index approval_requests_one_a_rule on public.approval_requests (reservation_id, rule_id, rule_type)
    nulls not distinct where status = 'pending';
create index approval_requests_reservation on public.approval_requests (reservation_id);
create index approval_requests_due on public.approval_requests (expires_at) where status = 'pending';
create index approval_requests_list on public.approval_requests (organization_id, created_at desc, id);
create index approval_requests_user on public.approval_requests (user_id);
create index approval_requests_submitted_by on public.approval_requests (submitted_by);
alter table public.approval_requests enable row level security;

-- One for each approver of a request.
create table public.rule_approvals (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null,
    request_id uuid not null,
    -- Null once the person was deleted: what was decided stays on the record.
    user_id uuid references public.profiles (id) on delete set null,
    -- Asked as an owner, not as the rule says.
    as_owner boolean not null default false,
    -- Since the request was escalated, this one decides for all.
    decides_alone boolean not null default false,
    status text not null default 'pending' constraint rule_approvals_status_known
        check (status in ('pending', 'approved', 'rejected', 'dropped', 'voided')),
    -- The approver, or whoever stood in.
    decided_by uuid references public.profiles (id) on delete set null,
    responded_at timestamptz,
    response_notes text check (length(response_notes) <= 2000),
    created_at timestamptz not null default now(),
    unique (request_id, user_id),
    foreign key (request_id, organization_id)
        references public.approval_requests (id, organization_id) on delete cascade
);
create index rule_approvals_user on public.rule_approvals (user_id, status);
create index rule_approvals_decided_by on public.rule_approvals (decided_by) where decided_by is not null;
alter table public.rule_approvals enable row level security;

-- Who decides for whom, and when. It ends with the membership of either.
create table public.approval_delegations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null,
    user_id uuid not null,
    delegate_id uuid not null constraint approval_delegations_not_oneself check (delegate_id <> user_id),
    starts_at timestamptz not null default now(),
    ends_at timestamptz not null,
    created_at timestamptz not null default now(),
    constraint approval_delegations_end_after_start check (ends_at > starts_at),
    foreign key (organization_id, user_id)
        references public.organization_members (organization_id, user_id) on delete cascade,
    foreign key (organization_id, delegate_id)
        references public.organization_members (organization_id, user_id) on delete cascade
);
create index approval_delegations_user on public.approval_delegations (organization_id, user_id);
create index approval_delegations_delegate on public.approval_delegations (organization_id, delegate_id);
alter table public.approval_delegations enable row level security;

-- Bookings without a decision at their start; few rows at any time, and made before the table is large.
-- squawk-ignore require-concurrent-index-creation
create index reservations_pending_start on public.reservations (start_date) where status = 'pending';

-- Trigger: a request belongs to the organisation of its reservation, whoever writes it.
create function app.complete_approval_request()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    select r.organization_id into new.organization_id from public.reservations r where r.id = new.reservation_id;
    return new;
end;
$$;
create trigger complete before insert or update of organization_id, reservation_id on public.approval_requests
    for each row execute function app.complete_approval_request();
create trigger zz_touch before update on public.approval_requests
    for each row when (old.* is distinct from new.*) execute function app.touch();

-- The requests that the caller has to do with, in organisations that the caller is in: of one's own bookings, of those
-- that one submitted, decides or decided, or decides for somebody else now.
create function app.own_approval_requests()
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
declare
    v_organizations uuid[] := array(select app.member_organizations());
begin
    return query
        select q.id from public.approval_requests q
        where q.user_id = auth.uid() and q.organization_id = any (v_organizations)
        union
        select q.id from public.approval_requests q
        where q.submitted_by = auth.uid() and q.organization_id = any (v_organizations)
        union
        select a.request_id from public.rule_approvals a
        where a.user_id = auth.uid() and a.organization_id = any (v_organizations)
        union
        select a.request_id from public.rule_approvals a
        where a.decided_by = auth.uid() and a.organization_id = any (v_organizations)
        union
        select a.request_id
        from public.approval_delegations d
        join public.rule_approvals a on a.organization_id = d.organization_id and a.user_id = d.user_id
        where d.delegate_id = auth.uid() and d.organization_id = any (v_organizations)
            and now() >= d.starts_at and now() < d.ends_at;
end;
$$;
grant execute on function app.own_approval_requests() to authenticated;

create policy "people read the requests that concern them, managers read all" on public.approval_requests
    for select to authenticated
    using (
        organization_id = any (array(select app.organizations_as('manager')))
        or id in (select app.own_approval_requests())
    );

create policy "whoever reads a request reads what its approvers said" on public.rule_approvals
    for select to authenticated
    using (
        organization_id = any (array(select app.organizations_as('manager')))
        or request_id in (select app.own_approval_requests())
    );

create policy "people read delegations to and by themselves, managers read all" on public.approval_delegations
    for select to authenticated
    using (
        organization_id = any (array(select app.member_organizations()))
        and (
            (select auth.uid()) in (user_id, delegate_id)
            or organization_id = any (array(select app.organizations_as('manager')))
        )
    );

-- Written by functions only.
grant select on public.approval_requests, public.rule_approvals, public.approval_delegations to authenticated;
grant select, insert, update, delete on public.approval_requests, public.rule_approvals, public.approval_delegations
    to service_role;

-- The same rule as the policy of approval_requests, for functions that look at one booking.
create function app.may_read_approvals(p_row public.reservations)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
    v_role public.member_role;
begin
    if p_row.user_id = auth.uid() then
        return true;
    end if;
    v_role := app.member_role(p_row.organization_id);
    return v_role is not null and (
        v_role <= 'manager'
        or exists (
            select from public.approval_requests q
            where q.reservation_id = p_row.id and (
                auth.uid() in (q.user_id, q.submitted_by)
                or exists (
                    select from public.rule_approvals a
                    where a.request_id = q.id and (
                        auth.uid() in (a.user_id, a.decided_by)
                        or exists (
                            select from public.approval_delegations d
                            where d.organization_id = a.organization_id and d.user_id = a.user_id
                                and d.delegate_id = auth.uid() and now() >= d.starts_at and now() < d.ends_at
                        )
                    )
                )
            )
        )
    );
end;
$$;

-- A booking's requests with their approvers, oldest first. For those to whom app.may_read_approvals says yes.
create function app.approvals_json(p_reservation_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(app.approval_json(q) order by q.created_at, q.rule_name, q.id), '[]')
        from public.approval_requests q
        where q.reservation_id = p_reservation_id
    );
end;
$$;

create function app.approval_json(p_request public.approval_requests)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'id', p_request.id, 'rule_id', p_request.rule_id, 'rule_type', p_request.rule_type,
        'rule_name', p_request.rule_name, 'rule_version', p_request.rule_version,
        'approval_type', p_request.approval_type, 'required', p_request.required, 'status', p_request.status,
        'expires_at', app.utc(p_request.expires_at), 'escalated_at', app.utc(p_request.escalated_at),
        'created_at', app.utc(p_request.created_at),
        'approvers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'user_id', a.user_id, 'name', app.full_name(p.first_name, p.last_name), 'as_owner', a.as_owner,
                'status', a.status, 'decided_by', a.decided_by, 'responded_at', app.utc(a.responded_at),
                'notes', a.response_notes
            ) order by p.last_name, p.first_name, a.id), '[]')
            from public.rule_approvals a
            left join public.profiles p on p.id = a.user_id
            where a.request_id = p_request.id
        )
    );
end;
$$;
