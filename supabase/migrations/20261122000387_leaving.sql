-- How one leaves an organisation: by an admin's word, one's own, the dashboard's, or with one's account; never leaving
-- bookings behind for someone who is no member.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What a member still has before them: bookings that have not ended, and how many.
create function app.fail_future_bookings(p_count bigint)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    perform app.fail(
        'INVALID_STATE', 'The member still has bookings to come. Cancel them, or transfer them to someone.', 409,
        jsonb_build_object('reason', 'future_bookings', 'count', p_count)
    );
end;
$$;

-- The ids of what a person holds there and what has not ended, sorted, with all locks that releasing it needs: the
-- assets' first, then the persons', the memberships', the rows'. With them the rows of what the person decides on, which
-- leaving changes too: while the membership is locked, nobody is asked to decide on more. What was booked elsewhere
-- between the look and the locks has an asset that we hold no lock of: then the caller is to try again.
create function app.lock_bookings_of(p_organization_id uuid, p_user_id uuid, p_other_id uuid default null)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
    v_assets uuid[] := array(
        select distinct r.asset_id from public.reservations r
        where r.organization_id = p_organization_id and r.user_id = p_user_id
            and (r.status = 'hold' or (r.status in ('pending', 'approved') and r.end_date > now()))
    );
    v_ids uuid[] := '{}';
    v_row record;
begin
    perform app.lock_assets(v_assets);
    perform app.lock_people(p_organization_id, array[p_user_id, p_other_id]);
    perform from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id in (p_user_id, auth.uid())
    order by m.id
    for no key update;
    for v_row in
        select r.id, r.asset_id, r.user_id from public.reservations r
        where (r.status = 'hold' or (r.status in ('pending', 'approved') and r.end_date > now())) and r.id in (
            select o.id from public.reservations o
            where o.organization_id = p_organization_id and o.user_id = p_user_id
                and o.status in ('hold', 'pending', 'approved')
            union
            select q.reservation_id
            from public.rule_approvals a
            join public.approval_requests q on q.id = a.request_id and q.status = 'pending'
            where a.user_id = p_user_id and a.organization_id = p_organization_id and a.status in ('pending', 'approved')
        )
        order by r.id
        for no key update
    loop
        continue when v_row.user_id is distinct from p_user_id;
        if v_row.asset_id <> all (v_assets) then
            perform app.fail_busy();
        end if;
        v_ids := v_ids || v_row.id;
    end loop;
    return v_ids;
end;
$$;

-- Deletes the holds among these bookings, of someone who leaves and so waits for nothing there any more: what comes free
-- must not be offered to whoever frees it. Under their assets' locks.
create function app.drop_holds(p_organization_id uuid, p_user_id uuid, p_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_asset_id uuid;
begin
    update public.waitlist_entries w
    set status = 'canceled'
    where w.organization_id = p_organization_id and w.user_id = p_user_id and w.status in ('waiting', 'offered');
    for v_asset_id in
        with gone as (
            delete from public.reservations r where r.id = any (p_ids) and r.status = 'hold' returning r.asset_id
        )
        select distinct g.asset_id from gone g order by g.asset_id
    loop
        perform app.advance_waitlist(v_asset_id);
    end loop;
end;
$$;

-- The faults of what shall become of a member's bookings.
create function app.removal_errors(
    p_organization_id uuid, p_user_id uuid, p_future_bookings text, p_transfer_to uuid
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_receiver public.organization_members;
begin
    if p_future_bookings is not null and p_future_bookings <> 'cancel' then
        return jsonb_build_array(app.field_error(
            'future_bookings', 'literal_error', 'This must be cancel.', '{"expected": ["cancel"]}'
        ));
    elsif p_future_bookings is not null and p_transfer_to is not null then
        return jsonb_build_array(app.field_error('transfer_to', 'not_both', 'Cancel them, or transfer them.'));
    elsif p_transfer_to is null then
        return '[]';
    elsif p_transfer_to = p_user_id then
        return jsonb_build_array(app.field_error('transfer_to', 'same_person', 'This is the member who leaves.'));
    end if;
    select * into v_receiver
    from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id = p_transfer_to;
    if not found then
        return jsonb_build_array(app.field_error('transfer_to', 'not_found', 'There is no such member.'));
    elsif v_receiver.role > 'member' then
        return jsonb_build_array(app.field_error('transfer_to', 'may_not_book', 'A viewer cannot have bookings.'));
    end if;
    return '[]';
end;
$$;

-- Gives these bookings to another member, who must be allowed to see their assets. The rules' denials are not asked: this
-- is an administrator's decision. Approvals are, for the new booker's sake: what was pending is asked for anew.
create function app.transfer_bookings(p_ids uuid[], p_organization_id uuid, p_transfer_to uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_sections public.asset_section[];
    v_hidden public.asset_section[];
    v_row public.reservations;
begin
    select app.sections_of(m.organization_id, m.role, m.tier_id) into v_sections
    from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id = p_transfer_to;
    v_hidden := array(
        select distinct a.section from public.reservations r join public.assets a on a.id = r.asset_id
        where r.id = any (p_ids) and v_sections is not null and a.section <> all (v_sections)
        order by a.section
    );
    if v_hidden <> '{}' then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'transfer_to', 'section_hidden', 'That member''s tier does not show all of these assets.',
            jsonb_build_object('sections', v_hidden)
        )));
    end if;
    for v_row in select r.* from public.reservations r where r.id = any (p_ids) order by r.id loop
        -- Before the booker changes: what was asked for the old one must not be settled by the new one's leaving it.
        if v_row.status = 'pending' then
            perform app.void_approvals(v_row.id);
        end if;
        update public.reservations r
        set user_id = p_transfer_to
        where r.id = v_row.id
        returning r.* into v_row;
        if v_row.status = 'pending' then
            perform app.ask_approval_anew(v_row);
        end if;
    end loop;
end;
$$;

-- Asks for what the booking of its new booker needs; where it needs nothing, it is approved.
create function app.ask_approval_anew(p_row public.reservations)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_case app.booking_case;
    v_asking jsonb;
begin
    select * into v_asset from public.assets a where a.id = p_row.asset_id;
    -- Notice too: nobody has approved so short a one yet.
    v_case := app.make_case(v_asset, p_row.user_id, p_row.start_date, p_row.end_date, array[p_row.id]);
    select jsonb_agg(v.violation order by v.place) into v_asking
    from jsonb_array_elements(app.judge(v_case)) with ordinality as v(violation, place)
    where v.violation ->> 'effect' = 'require_approval';
    if v_asking is null then
        update public.reservations r
        set status = 'approved', approved_by = auth.uid(), approved_at = now()
        where r.id = p_row.id;
    else
        perform app.submit_approvals(p_row, app.approval_plan(v_case, v_asking));
    end if;
end;
$$;

-- Takes a member out, oneself or, for admins and owners, another. Bookings that have not ended must go somewhere:
-- p_future_bookings 'cancel', or to the member p_transfer_to (which is not for oneself to decide); else it is refused.
create function public.remove_member(
    p_organization_id uuid, p_user_id uuid, p_future_bookings text default null, p_transfer_to uuid default null,
    p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    c_min_role constant public.member_role :=
        case when p_user_id = auth.uid() and p_transfer_to is null then 'viewer' else 'admin' end;
    v_member public.organization_members;
    v_ids uuid[];
    v_row public.reservations;
begin
    perform app.require_member(p_organization_id, c_min_role);
    perform app.require_aal2(p_organization_id, true);
    v_ids := app.lock_bookings_of(p_organization_id, p_user_id, p_transfer_to);
    v_member := app.lock_member(p_organization_id, p_user_id, c_min_role, p_expected_version);
    perform app.fail_fields(app.removal_errors(p_organization_id, p_user_id, p_future_bookings, p_transfer_to));

    perform app.drop_holds(p_organization_id, p_user_id, v_ids);
    v_ids := array(select r.id from public.reservations r where r.id = any (v_ids) order by r.id);
    if v_ids <> '{}' then
        if p_transfer_to is not null then
            perform app.transfer_bookings(v_ids, p_organization_id, p_transfer_to);
        elsif p_future_bookings = 'cancel' then
            for v_row in select r.* from public.reservations r where r.id = any (v_ids) order by r.id loop
                perform app.release_booking(v_row, 'canceled', 'The booker left the organization.');
            end loop;
        else
            perform app.fail_future_bookings(cardinality(v_ids));
        end if;
    end if;
    delete from public.organization_members m where m.id = v_member.id;
    return jsonb_build_object(
        'user_id', p_user_id,
        'canceled', case when p_transfer_to is null then cardinality(v_ids) else 0 end,
        'transferred', case when p_transfer_to is null then 0 else cardinality(v_ids) end
    );
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.remove_member(uuid, uuid, text, uuid, integer) to authenticated;

-- Trigger: whoever takes a member out, no booking stays behind for someone who is none. Whoever books for that person
-- holds the person's lock and looks at the membership after it; here it comes after the row's, so that we must not wait.
create function app.keep_members_with_bookings()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_count bigint;
begin
    if exists (select from public.organizations o where o.id = old.organization_id) then
        if not app.try_lock_person(old.organization_id, old.user_id) then
            perform app.fail_busy();
        end if;
        select count(*) into v_count
        from public.reservations r
        where r.organization_id = old.organization_id and r.user_id = old.user_id
            and r.status in ('pending', 'approved') and r.end_date > now();
        if v_count > 0 then
            perform app.fail_future_bookings(v_count);
        end if;
        delete from public.reservations r
        where r.organization_id = old.organization_id and r.user_id = old.user_id and r.status = 'hold';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end;
$$;
create trigger keep_members_with_bookings_on_delete before delete on public.organization_members
    for each row execute function app.keep_members_with_bookings();
create trigger keep_members_with_bookings_on_move before update of organization_id, user_id on public.organization_members
    for each row when ((old.organization_id, old.user_id) is distinct from (new.organization_id, new.user_id))
    execute function app.keep_members_with_bookings();

-- Deleting a person in the dashboard must not fail, and must not leave assets blocked for nobody: what has not ended is
-- released as by a cancellation, what has stays without a name. It comes before the memberships go, which would refuse.
create or replace function app.release_bookings_of_deleted_person()
returns trigger
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_organization_id uuid;
    v_ids uuid[];
    v_row public.reservations;
begin
    for v_organization_id in
        select distinct r.organization_id from public.reservations r
        where r.user_id = old.id and r.status in ('hold', 'pending', 'approved')
        order by r.organization_id
    loop
        v_ids := app.lock_bookings_of(v_organization_id, old.id);
        perform app.drop_holds(v_organization_id, old.id, v_ids);
        for v_row in select r.* from public.reservations r where r.id = any (v_ids) order by r.id loop
            perform app.release_booking(v_row, 'canceled', 'The booker left the organization.');
        end loop;
    end loop;
    return old;
end;
$$;
