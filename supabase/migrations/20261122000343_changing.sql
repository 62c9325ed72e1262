-- Changing, cancelling and restoring a booking. Locks as in create_reservation.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The reservation, locked, in the version that the caller knows and in a state that can still change. A hold is confirmed
-- or released, never changed.
create or replace function app.lock_open_reservation(p_reservation_id uuid, p_expected_version integer)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations;
begin
    select * into v_row from public.reservations r where r.id = p_reservation_id for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such reservation.', 404);
    end if;
    -- Under the row's lock, so that nobody can change it between this look and the write.
    if v_row.version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The reservation has been changed meanwhile.', 412,
            jsonb_build_object('current', app.reservation_json(v_row))
        );
    end if;
    if v_row.status not in ('pending', 'approved') then
        perform app.fail(
            'INVALID_STATE', format('The reservation is %s.', v_row.status), 409,
            jsonb_build_object('reason', 'status', 'status', v_row.status)
        );
    end if;
    if v_row.end_date <= now() then
        perform app.fail(
            'INVALID_STATE', 'The reservation has ended.', 409, jsonb_build_object('reason', 'ended', 'status', v_row.status)
        );
    end if;
    return v_row;
end;
$$;

-- Whether a booking that becomes this gives up some of its time, as by cancelling. Who only leaves early does not: nobody
-- could have planned with that.
create function app.gives_up_time(p_row public.reservations, p_asset_id uuid, p_start timestamptz, p_end timestamptz)
returns boolean
language sql
stable
set search_path = ''
as $$
    select p_asset_id <> p_row.asset_id or p_start > p_row.start_date
        or (p_end < p_row.end_date and p_row.start_date > now())
$$;

-- Raises where it is too late for the caller to give up this booking's time. It binds members with what was approved: a
-- request may always be withdrawn, and managers decide for themselves and for others. What has begun was used, and goes
-- on counting: it can be ended earlier, but not undone.
create function app.require_notice(p_row public.reservations)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_hours integer;
    v_latest timestamptz;
begin
    if p_row.status <> 'approved' or coalesce(app.member_role(p_row.organization_id), 'viewer') <= 'manager' then
        return;
    end if;
    if p_row.start_date <= now() then
        perform app.fail(
            'INVALID_STATE', 'The booking has begun already.', 409, jsonb_build_object('reason', 'already_begun')
        );
    end if;
    select l.min_cancellation_notice_hours into v_hours
    from public.organization_members m
    join public.tiers t on t.organization_id = m.organization_id
        and (t.id = m.tier_id or (m.tier_id is null and t.is_default))
    join public.tier_rules l on l.tier_id = t.id
    where m.organization_id = p_row.organization_id and m.user_id = p_row.user_id;
    v_latest := p_row.start_date - make_interval(hours => v_hours);
    if now() > v_latest then
        perform app.fail(
            'RULE_VIOLATION', 'It is too late to give up this booking.', 422,
            jsonb_build_object('reason', 'cancellation_notice', 'violations', jsonb_build_array(jsonb_build_object(
                'ruleId', null, 'ruleType', 'cancellation_notice', 'ruleName', null, 'ruleVersion', null,
                'code', 'cancellation_notice', 'effect', 'deny', 'overridable', false,
                'message', format('A booking is given up %s hours before its start at the latest.', v_hours),
                'params', jsonb_build_object('min_hours', v_hours, 'latest', app.utc(v_latest))
            )))
        );
    end if;
end;
$$;

-- Writes a booking as it is to be: v_new differs from p_row in time or asset and has been judged. What was approved is
-- approved for what was asked, so a moved booking is approved anew, or asked for anew.
create function app.move_booking(
    p_row public.reservations, p_new public.reservations, p_asset public.assets, p_override jsonb
)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_case app.booking_case := app.make_case(
        p_asset, p_row.user_id, p_new.start_date, p_new.end_date, array[p_row.id],
        (p_new.asset_id, p_new.start_date) is distinct from (p_row.asset_id, p_row.start_date)
    );
    v_verdict app.verdict := app.weigh(v_case, p_override);
    v_plan jsonb := '[]';
    v_row public.reservations;
begin
    -- Nobody can approve what has begun: less of what was approved needs no approval, and anything else is refused.
    if v_verdict.outcome = 'pending' and p_row.start_date <= now() then
        v_verdict.outcome := case
            when p_row.status = 'approved' and p_new.end_date < p_row.end_date then 'approved' else 'refused'
        end;
    elsif v_verdict.outcome = 'pending' then
        -- A request may be withdrawn without notice, so that nobody makes one of what is not to be given up any more.
        perform app.require_notice(p_row);
        v_plan := app.approval_plan(v_case, v_verdict.violations);
    end if;
    if v_verdict.outcome = 'refused' then
        perform app.fail_rules(
            v_verdict.violations, app.obstacles(p_asset, v_case, v_verdict) -> 'conflicts'
        );
    end if;
    perform app.refuse_taken(
        p_asset, p_new.start_date, p_new.end_date, array[p_row.id],
        case when v_verdict.violations = '[]' then '{}' else jsonb_build_object('violations', v_verdict.violations) end
    );
    update public.reservations r
    set asset_id = p_new.asset_id, title = p_new.title, start_date = p_new.start_date, end_date = p_new.end_date,
        guest_count = p_new.guest_count, status = v_verdict.outcome::public.reservation_status,
        approved_by = null, approved_at = case when v_verdict.outcome = 'approved' then now() end,
        updated_at = clock_timestamp()
    where r.id = p_row.id
    returning * into v_row;
    perform app.save_details(v_row.id, jsonb_build_object('overrides', v_verdict.overridden));
    perform app.void_approvals(v_row.id);
    if v_plan <> '[]' then
        perform app.submit_approvals(v_row, v_plan);
    end if;
    perform app.advance_waitlist(p_row.asset_id);
    return v_row;
end;
$$;

-- Changes a booking; the same checks as for a new one, itself left out. A changed time or asset voids its approval.
-- squawk-ignore ban-drop-function
drop function public.update_reservation(uuid, jsonb, integer);
create function public.update_reservation(
    p_reservation_id uuid, p_changes jsonb, p_expected_version integer default null, p_override jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.reservations := app.changeable_reservation(p_reservation_id);
    v_row public.reservations;
    v_new public.reservations;
    v_target uuid;
    v_asset public.assets;
    v_moving boolean := coalesce(p_changes ?| array['asset_id', 'start_date', 'end_date'], false);
    v_moved boolean;
begin
    v_target := coalesce(app.patched_asset_id(p_changes), v_seen.asset_id);
    if v_target = v_seen.asset_id then
        select * into v_asset from public.assets a where a.id = v_target;
    else
        v_asset := app.bookable_asset(v_target);
        if v_asset.organization_id <> v_seen.organization_id then
            perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
        end if;
    end if;
    if v_moving then
        perform app.lock_assets(array[v_seen.asset_id, v_target]);
        perform app.lock_people(v_seen.organization_id, array[v_seen.user_id]);
        perform app.sweep_asset(v_seen.asset_id);
        if v_target <> v_seen.asset_id then
            perform app.sweep_asset(v_target);
        end if;
        perform app.changeable_reservation(p_reservation_id);
    end if;
    v_row := app.lock_open_reservation(p_reservation_id, p_expected_version);
    v_new := app.patched_reservation(
        v_row, p_changes,
        case when p_changes ?| array['asset_id', 'guest_count', 'guests'] then v_asset.capacity end
    );
    v_moved := (v_new.asset_id, v_new.start_date, v_new.end_date)
        is distinct from (v_row.asset_id, v_row.start_date, v_row.end_date);
    if v_moved then
        if (v_row.asset_id, v_row.user_id) is distinct from (v_seen.asset_id, v_seen.user_id) then
            -- Somebody moved or passed it on, and we hold no lock of where, or of whom.
            perform app.fail_busy();
        end if;
        if app.gives_up_time(v_row, v_new.asset_id, v_new.start_date, v_new.end_date) then
            perform app.require_notice(v_row);
        end if;
        v_row := app.move_booking(v_row, v_new, app.bookable_asset(v_target), p_override);
    elsif p_override is not null then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'override', 'not_triggered', 'Nothing is judged where neither the time nor the asset changes.'
        )));
    elsif p_changes <> '{}' then
        update public.reservations r
        -- Notes and guests have the reservation's version too: it counts although no column here has changed.
        set title = v_new.title, guest_count = v_new.guest_count, updated_at = clock_timestamp()
        where r.id = v_row.id
        returning * into v_row;
    end if;
    if p_changes <> '{}' then
        perform app.save_details(v_row.id, p_changes);
    end if;
    return app.reservation_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_reservation(uuid, jsonb, integer, jsonb) to authenticated;

-- Cancels a booking that has not ended, one's own or, for managers and above, anyone's.
create or replace function public.cancel_reservation(
    p_reservation_id uuid, p_reason text default null, p_expected_version integer default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_reason text := nullif(btrim(p_reason), '');
    v_seen public.reservations;
    v_row public.reservations;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'cancel_reservation', p_idempotency_key,
        jsonb_build_object('id', p_reservation_id, 'reason', p_reason, 'expected_version', p_expected_version)
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_seen := app.changeable_reservation(p_reservation_id);
    perform app.fail_fields(app.text_errors(jsonb_build_object('reason', v_reason), 'reason', 2000));
    perform app.lock_assets(array[v_seen.asset_id]);
    perform app.changeable_reservation(p_reservation_id);
    v_row := app.lock_open_reservation(p_reservation_id, p_expected_version);
    if v_row.asset_id <> v_seen.asset_id then
        perform app.fail_busy();
    end if;
    perform app.require_notice(v_row);
    v_row := app.release_booking(v_row, 'canceled', v_reason);
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('cancel_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;

-- The cancelled reservation, locked, if the caller may still undo that. What a manager cancelled, its booker does not
-- bring back.
create function app.lock_restorable(p_reservation_id uuid)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations;
begin
    select * into v_row from public.reservations r where r.id = p_reservation_id for no key update;
    if v_row.status is distinct from 'canceled' then
        perform app.fail(
            'INVALID_STATE', format('The reservation is %s.', v_row.status), 409,
            jsonb_build_object('reason', 'status', 'status', v_row.status)
        );
    elsif v_row.canceled_at is null or now() > v_row.canceled_at + interval '15 minutes' then
        perform app.fail(
            'INVALID_STATE', 'A cancellation is undone within 15 minutes.', 409,
            jsonb_build_object('reason', 'undo_expired', 'minutes', 15)
        );
    elsif v_row.start_date <= now() then
        perform app.fail(
            'INVALID_STATE', 'The booking would have begun already.', 409, jsonb_build_object('reason', 'already_begun')
        );
    elsif not exists (
        select from public.organization_members m
        where m.organization_id = v_row.organization_id and m.user_id = v_row.user_id and m.role <= 'member'
    ) then
        perform app.fail(
            'INVALID_STATE', 'Whose booking it was may not book any more.', 409,
            jsonb_build_object('reason', 'booker_not_member')
        );
    elsif app.member_role(v_row.organization_id) > 'manager' and not exists (
        select from public.reservation_details d
        where d.reservation_id = v_row.id and d.canceled_by = auth.uid()
    ) then
        perform app.fail(
            'FORBIDDEN', 'Someone else cancelled this booking.', 403, jsonb_build_object('reason', 'canceled_by_other')
        );
    end if;
    return v_row;
end;
$$;

-- Undoes a cancellation. The rules may refuse it, notice aside; what somebody approved is approved again without asking,
-- and what was set aside for it stays so.
create function public.restore_reservation(p_reservation_id uuid, p_idempotency_key text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.reservations;
    v_asset public.assets;
    v_row public.reservations;
    v_case app.booking_case;
    v_violations jsonb;
    v_plan jsonb := '[]';
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'restore_reservation', p_idempotency_key, jsonb_build_object('id', p_reservation_id)
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_seen := app.changeable_reservation(p_reservation_id);
    perform app.lock_assets(array[v_seen.asset_id]);
    perform app.lock_people(v_seen.organization_id, array[v_seen.user_id]);
    perform app.sweep_asset(v_seen.asset_id);
    perform app.changeable_reservation(p_reservation_id);
    v_row := app.lock_restorable(p_reservation_id);
    if (v_row.asset_id, v_row.user_id) is distinct from (v_seen.asset_id, v_seen.user_id) then
        perform app.fail_busy();
    end if;
    v_asset := app.bookable_asset(v_row.asset_id);
    v_case := app.make_case(v_asset, v_row.user_id, v_row.start_date, v_row.end_date, array[v_row.id], false);
    select coalesce(jsonb_agg(v.value order by v.ordinality), '[]') into v_violations
    from jsonb_array_elements(app.judge(v_case)) with ordinality v
    where (v.value ->> 'effect' = 'deny' or not exists (
            select from public.approval_requests q
            where q.reservation_id = v_row.id and q.status = 'approved' and v_row.approved_at is not null
                and q.rule_type = v.value ->> 'ruleType' and q.rule_id is not distinct from (v.value ->> 'ruleId')::uuid
        ))
        and not exists (
            select
            from public.reservation_details d
            cross join jsonb_array_elements(d.overrides) as known
            where d.reservation_id = v_row.id and known.value -> 'rule_id' = v.value -> 'ruleId'
                and known.value -> 'rule_version' = v.value -> 'ruleVersion'
        );
    if v_violations @> '[{"effect": "deny"}]' then
        perform app.fail_rules(v_violations, app.conflicts(
            v_asset.id,
            tstzrange(v_row.start_date, v_row.end_date + app.turnaround(v_asset.turnaround_minutes)), array[v_row.id]
        ));
    end if;
    perform app.refuse_taken(v_asset, v_row.start_date, v_row.end_date, array[v_row.id]);
    if v_violations <> '[]' then
        v_plan := app.approval_plan(v_case, v_violations);
    end if;
    update public.reservations r
    set canceled_at = null,
        status = case when v_violations = '[]' then 'approved' else 'pending' end::public.reservation_status,
        approved_by = case when v_violations = '[]' then r.approved_by end,
        approved_at = case when v_violations = '[]' then coalesce(r.approved_at, now()) end
    where r.id = v_row.id
    returning * into v_row;
    update public.reservation_details d set cancellation_reason = null, canceled_by = null
    where d.reservation_id = v_row.id;
    if v_plan <> '[]' then
        perform app.submit_approvals(v_row, v_plan);
    end if;
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('restore_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.restore_reservation(uuid, text) to authenticated;
