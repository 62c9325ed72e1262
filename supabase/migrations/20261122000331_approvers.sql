-- Who may approve: found when a booking is submitted, and again only when approvers have left.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The members of whom this way of approving asks. Viewers only read; and nobody decides on what the tier hides from them.
-- p_excluded: the booker, the submitter, whoever is leaving.
create function app.eligible_approvers(
    p_organization_id uuid, p_approval_type text, p_tier_id uuid, p_user_ids uuid[], p_section public.asset_section,
    p_excluded uuid[]
)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select m.user_id
        from public.organization_members m
        left join public.tiers t
            on t.organization_id = m.organization_id and (t.id = m.tier_id or (m.tier_id is null and t.is_default))
        where m.organization_id = p_organization_id
            and m.role <= 'member'
            and m.user_id <> all (array_remove(p_excluded, null))
            and (m.role <= 'manager' or (t.id is not null and (t.sections is null or p_section = any (t.sections))))
            and case
                when p_approval_type = 'owners' then m.role = 'owner'
                when p_approval_type in ('all_principals', 'tier_members') then t.id = p_tier_id
                when p_approval_type = 'specific_users' then m.user_id = any (p_user_ids)
                when p_approval_type = 'quorum' and p_tier_id is not null then t.id = p_tier_id
                when p_approval_type = 'quorum' and cardinality(p_user_ids) > 0 then m.user_id = any (p_user_ids)
                else m.role <= 'manager'
            end
        order by m.user_id
    );
end;
$$;

-- Whom a rule asks: {approvers, owners (of those), required, fell_to_owners}; null where nobody may decide. p_config:
-- {approval_type, approver_tier_id, approver_user_ids, quorum}. An empty set falls to the owners, of whom any one
-- decides; a quorum that cannot be reached is filled up with them.
create function app.find_approvers(
    p_organization_id uuid, p_config jsonb, p_section public.asset_section, p_excluded uuid[]
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_type text := p_config ->> 'approval_type';
    v_named uuid[] := array(select jsonb_array_elements_text(coalesce(nullif(p_config -> 'approver_user_ids', 'null'), '[]'))::uuid);
    v_found uuid[] := app.eligible_approvers(
        p_organization_id, v_type, (p_config ->> 'approver_tier_id')::uuid, v_named, p_section, p_excluded
    );
    v_needed integer := case when v_type = 'quorum' then coalesce((p_config ->> 'quorum')::integer, 1) else 1 end;
    v_owners uuid[] := '{}';
begin
    if cardinality(v_found) < v_needed then
        v_owners := app.eligible_approvers(
            p_organization_id, 'owners', null, null, p_section, p_excluded || v_found
        );
    end if;
    if cardinality(v_found) + cardinality(v_owners) < v_needed then
        return null;
    end if;
    return jsonb_build_object(
        'approvers', to_jsonb(v_found || v_owners),
        'owners', to_jsonb(v_owners),
        'required', case
            when v_type in ('all_principals', 'tier_members', 'specific_users') and v_owners = '{}' then cardinality(v_found)
            else v_needed
        end,
        'fell_to_owners', v_type <> 'quorum' and v_owners <> '{}'
    );
end;
$$;

-- What approvals these violations ask for: an entry for each rule whose effect is require_approval, with whom it asks.
-- Raises NO_ELIGIBLE_APPROVER where nobody may decide. Writes nothing: the preview shows it too.
create function app.approval_plan(p_case app.booking_case, p_violations jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_excluded uuid[] := array[(p_case).user_id, auth.uid()];
    v_plan jsonb := '[]';
    v_entry jsonb;
    v_found jsonb;
begin
    for v_entry in
        select jsonb_build_object(
            'rule_id', asked.rule_id, 'rule_type', asked.rule_type,
            'rule_name', coalesce(b.name, asked.rule_name), 'rule_version', coalesce(b.version, asked.rule_version),
            'approval_type', coalesce(b.approval_type::text, 'any_approver'),
            -- Fixed here: which tier is the strongest may change.
            'approver_tier_id', case
                when b.approval_type::text = 'all_principals' then (
                    select t.id from public.tiers t
                    where t.organization_id = (p_case).organization_id order by t.priority limit 1
                )
                else b.approver_tier_id
            end,
            'approver_user_ids', to_jsonb(b.approver_user_ids), 'quorum', b.quorum,
            'timeout_hours', coalesce(b.timeout_hours, 72)
        )
        from (
            select distinct on (v.value ->> 'ruleId', v.value ->> 'ruleType')
                (v.value ->> 'ruleId')::uuid as rule_id, v.value ->> 'ruleType' as rule_type,
                v.value ->> 'ruleName' as rule_name, (v.value ->> 'ruleVersion')::integer as rule_version, v.ordinality
            from jsonb_array_elements(p_violations) with ordinality v
            where v.value ->> 'effect' = 'require_approval'
            order by v.value ->> 'ruleId', v.value ->> 'ruleType', v.ordinality
        ) asked
        left join public.tier_booking_rules b
            on b.id = asked.rule_id and b.organization_id = (p_case).organization_id
        order by asked.ordinality
    loop
        v_found := app.find_approvers((p_case).organization_id, v_entry, (p_case).section, v_excluded);
        if v_found is null then
            perform app.fail(
                'NO_ELIGIBLE_APPROVER', 'Nobody may approve this booking.', 422,
                jsonb_build_object(
                    'rule_id', v_entry -> 'rule_id', 'rule_type', v_entry -> 'rule_type',
                    'rule_name', v_entry -> 'rule_name', 'approval_type', v_entry -> 'approval_type',
                    'quorum', v_entry -> 'quorum'
                )
            );
        end if;
        v_plan := v_plan || (v_entry || v_found);
    end loop;
    return v_plan;
end;
$$;

-- Writes the requests of a booking that is pending. The approvers' memberships are shared until this commits, so that
-- nobody leaves between this look and the triggers that drop them; whoever is just being changed lets this one wait.
create function app.submit_approvals(p_row public.reservations, p_plan jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_people uuid[] := array(
        select distinct u.id::uuid
        from jsonb_array_elements(p_plan) e
        cross join jsonb_array_elements_text(e.value -> 'approvers') as u(id)
    );
begin
    if (
        select count(*)
        from (
            select from public.organization_members m
            where m.organization_id = p_row.organization_id and m.user_id = any (v_people) and m.role <= 'member'
            for share skip locked
        ) kept
    ) < cardinality(v_people) then
        perform app.fail_busy();
    end if;

    with entries as (
        select
            gen_random_uuid() as id, e.value as entry, e.value -> 'approvers' as approvers, e.value -> 'owners' as owners
        from jsonb_array_elements(p_plan) e
    ), requests as (
        insert into public.approval_requests (
            id, organization_id, reservation_id, user_id, submitted_by, rule_id, rule_type, rule_name, rule_version,
            approval_type, approver_tier_id, approver_user_ids, required, fell_to_owners, timeout_hours, expires_at
        )
        select
            e.id, p_row.organization_id, p_row.id, p_row.user_id, auth.uid(), i.rule_id, i.rule_type, i.rule_name,
            i.rule_version, i.approval_type, i.approver_tier_id, i.approver_user_ids, i.required,
            coalesce(i.fell_to_owners, false), i.timeout_hours,
            least(now() + make_interval(hours => i.timeout_hours), p_row.start_date)
        from entries e
        cross join lateral jsonb_to_record(e.entry) as i (
            rule_id uuid, rule_type text, rule_name text, rule_version integer, approval_type text,
            approver_tier_id uuid, approver_user_ids uuid[], required integer, fell_to_owners boolean,
            timeout_hours integer
        )
        returning id
    )
    insert into public.rule_approvals (organization_id, request_id, user_id, as_owner)
    select p_row.organization_id, q.id, u.id::uuid, e.owners ? u.id
    from requests q
    join entries e on e.id = q.id
    cross join jsonb_array_elements_text(e.approvers) as u(id);
end;
$$;

-- Nobody has to decide on this booking any more: it was cancelled, displaced, or moved. What was approved of a booking
-- that has ended stays on record; of one that was moved it is void, for it was another time that was approved.
create function app.void_approvals(p_reservation_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
    update public.approval_requests q set status = 'voided'
    where q.reservation_id = p_reservation_id
        and (
            q.status = 'pending'
            or (
                q.status = 'approved' and exists (
                    select from public.reservations r where r.id = q.reservation_id and r.status in ('pending', 'approved')
                )
            )
        );
    if found then
        update public.rule_approvals a set status = 'voided'
        from public.approval_requests q
        where q.reservation_id = p_reservation_id and q.status = 'voided'
            and a.request_id = q.id and a.status = 'pending';
    end if;
end;
$$;
