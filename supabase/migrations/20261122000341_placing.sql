-- Placing a booking that has been judged, and releasing one: the two ends that every path to a booking shares.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- overrides: the rules that somebody entitled set aside for this booking: [{rule_id, rule_type, rule_version, code,
-- params, reason, overridden_by, overridden_at}]. canceled_by: who may undo it depends on who did it.
alter table public.reservation_details
    add column overrides jsonb not null default '[]'
        constraint reservation_details_overrides_array check (jsonb_typeof(overrides) = 'array'),
    add column canceled_by uuid;

-- Raises the 422 that names every rule in the way, and what else is.
create function app.fail_rules(p_violations jsonb, p_conflicts jsonb default '[]')
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    perform app.fail(
        'RULE_VIOLATION', 'The rules do not allow this booking.', 422,
        jsonb_build_object('violations', p_violations)
            || case when p_conflicts = '[]' then '{}' else jsonb_build_object('conflicts', p_conflicts) end
    );
end;
$$;

-- Whether a booking of this case may push aside all that stands there: bookings only, none of them begun, each of a
-- weaker tier, where the case's tier can override. Whoever is no member any more counts as of the default tier. Of what
-- maintenance was kept around, the maintenance is next.
create function app.is_displaceable(p_asset public.assets, p_case app.booking_case)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
    v_priority integer;
begin
    select t.priority into v_priority
    from public.tiers t
    where t.id = p_case.tier_id and t.organization_id = p_case.organization_id and t.can_override;
    if not found then
        return false;
    end if;
    return not exists (
        select from public.maintenance_windows w
        where w.asset_id = p_asset.id and w.status = 'scheduled' and w.end_date > now()
            and tstzrange(w.start_date, w.end_date)
                && tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes))
    ) and not exists (
        select
        from app.occupancy o
        left join public.reservations r on r.id = o.source_id
        left join public.organization_members m on m.organization_id = r.organization_id and m.user_id = r.user_id
        left join public.tiers t on t.organization_id = r.organization_id
            and (t.id = m.tier_id or (m.tier_id is null and t.is_default))
        where o.asset_id = p_asset.id
            and o.occupied
                && tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes))
            and o.source_id <> all (p_case.exclude_ids)
            and (o.expires_at is null or o.expires_at > now())
            and (
                o.kind <> 'reservation' or r.start_date <= now() or r.status not in ('pending', 'approved')
                or t.priority is null or t.priority <= v_priority
            )
    );
end;
$$;

-- What a new booking of this case would meet: {taken, displaceable, conflicts}.
create function app.obstacles(p_asset public.assets, p_case app.booking_case, p_verdict app.verdict)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if not app.is_taken(p_asset, p_case.start_date, p_case.end_date, p_case.exclude_ids) then
        return '{"taken": false, "displaceable": false, "conflicts": []}';
    end if;
    return jsonb_build_object(
        'taken', true,
        -- A booking that is only asked for pushes nobody aside.
        'displaceable', p_verdict.outcome = 'approved' and app.is_displaceable(p_asset, p_case),
        'conflicts', app.conflicts(
            p_asset.id,
            tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes)),
            p_case.exclude_ids
        )
    );
end;
$$;

-- Ends a booking: canceled, rejected, expired, displaced. Leaves the freed time to the caller; see app.release_booking.
create function app.end_booking(
    p_row public.reservations, p_status public.reservation_status, p_reason text default null
)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_reason text := nullif(btrim(p_reason), '');
    v_row public.reservations;
begin
    update public.reservations r
    set status = p_status, canceled_at = case when p_status = 'canceled' then now() end
    where r.id = p_row.id
    returning * into v_row;
    insert into public.reservation_details as d (reservation_id, rejected_reason, cancellation_reason, canceled_by)
    values (
        v_row.id,
        case when p_status = 'rejected' then v_reason end,
        case when p_status <> 'rejected' then v_reason end,
        case when p_status = 'canceled' then auth.uid() end
    )
    on conflict (reservation_id) do update
        set rejected_reason = excluded.rejected_reason,
            cancellation_reason = excluded.cancellation_reason,
            canceled_by = excluded.canceled_by;
    perform app.void_approvals(v_row.id);
    return v_row;
end;
$$;

-- Ends a booking and offers what it frees to those who wait. The caller holds the asset's lock (app.lock_assets), and
-- then the row's.
create function app.release_booking(
    p_row public.reservations, p_status public.reservation_status, p_reason text default null
)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations := app.end_booking(p_row, p_status, p_reason);
begin
    perform app.advance_waitlist(v_row.asset_id);
    return v_row;
end;
$$;

-- Ends the bookings in the way of this case, of which app.is_displaceable has said that they may be. Nobody is offered
-- what they leave before the stronger booking stands there.
create function app.displace(p_asset public.assets, p_case app.booking_case)
returns public.reservations[]
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations;
    v_displaced public.reservations[] := '{}';
begin
    for v_row in
        select r.*
        from public.reservations r
        where r.id in (
            select o.source_id from app.occupancy o
            where o.asset_id = p_asset.id and o.kind = 'reservation' and o.source_id <> all (p_case.exclude_ids)
                and o.occupied
                    && tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes))
        ) and r.status in ('pending', 'approved')
        order by r.id
        for update
    loop
        v_displaced := v_displaced || app.end_booking(v_row, 'displaced');
    end loop;
    return v_displaced;
end;
$$;

-- Writes those of notes, metadata, guests and overrides that p_values has a key for; null empties.
create or replace function app.save_details(p_reservation_id uuid, p_values jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.reservation_details as d (reservation_id, notes, metadata, overrides)
    values (
        p_reservation_id, nullif(btrim(p_values ->> 'notes'), ''),
        coalesce(nullif(p_values -> 'metadata', 'null'), '{}'), coalesce(p_values -> 'overrides', '[]')
    )
    on conflict (reservation_id) do update
        set notes = case when p_values ? 'notes' then excluded.notes else d.notes end,
            metadata = case when p_values ? 'metadata' then excluded.metadata else d.metadata end,
            overrides = case when p_values ? 'overrides' then excluded.overrides else d.overrides end;
    if p_values ? 'guests' then
        delete from public.reservation_guests g where g.reservation_id = p_reservation_id;
        insert into public.reservation_guests (reservation_id, position, name, email)
        select p_reservation_id, g.ordinality, g.value ->> 'name', g.value ->> 'email'
        from jsonb_array_elements(coalesce(nullif(p_values -> 'guests', 'null'), '[]')) with ordinality as g;
    end if;
end;
$$;

-- Raises all that refuses this booking: the rules, or what stands there and may not be displaced. True where something
-- stands there that p_displace pushes aside.
create function app.is_obstructed(
    p_asset public.assets, p_case app.booking_case, p_verdict app.verdict, p_displace boolean
)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
    v_obstacles jsonb := app.obstacles(p_asset, p_case, p_verdict);
begin
    if p_verdict.outcome = 'refused' then
        perform app.fail_rules(p_verdict.violations, v_obstacles -> 'conflicts');
    end if;
    if (v_obstacles -> 'taken')::boolean and not (p_displace and (v_obstacles -> 'displaceable')::boolean) then
        perform app.fail_conflict(
            p_asset.id, p_case.start_date, p_case.end_date, app.turnaround(p_asset.turnaround_minutes),
            p_case.exclude_ids,
            jsonb_build_object('displaceable', v_obstacles -> 'displaceable') || case
                when p_verdict.violations = '[]' then '{}'
                else jsonb_build_object('violations', p_verdict.violations)
            end
        );
    end if;
    return (v_obstacles -> 'taken')::boolean;
end;
$$;

-- Writes the booking that the verdict allows, or says why not: everything that refuses it, not the first thing. The
-- caller holds the locks of the asset and of the person, and has judged after taking them; p_values (title, guest_count,
-- notes, metadata, guests) are valid. With p_hold_id the hold itself becomes the booking: its time is free at no instant.
-- With p_displace, weaker bookings in the way make room and go to the head of the waiting list.
create function app.place_booking(
    p_asset public.assets, p_case app.booking_case, p_verdict app.verdict, p_values jsonb,
    p_series_id uuid default null, p_hold_id uuid default null, p_displace boolean default false
)
returns public.reservations
language plpgsql
set search_path = ''
as $$
declare
    v_case app.booking_case := p_case;
    v_plan jsonb;
    v_displaced public.reservations[] := '{}';
    v_weaker public.reservations;
    v_row public.reservations;
begin
    if p_hold_id is not null then
        v_case.exclude_ids := v_case.exclude_ids || p_hold_id;
    end if;
    if app.is_obstructed(p_asset, v_case, p_verdict, p_displace) then
        v_displaced := app.displace(p_asset, v_case);
    end if;
    if p_verdict.outcome = 'pending' then
        v_plan := app.approval_plan(v_case, p_verdict.violations);
    end if;

    if p_hold_id is null then
        insert into public.reservations
            (organization_id, asset_id, user_id, title, start_date, end_date, status, guest_count, series_id, approved_at)
        values (
            v_case.organization_id, p_asset.id, v_case.user_id, btrim(p_values ->> 'title'), v_case.start_date,
            v_case.end_date, p_verdict.outcome::public.reservation_status, (p_values ->> 'guest_count')::integer,
            p_series_id, case when p_verdict.outcome = 'approved' then now() end
        )
        returning * into v_row;
    else
        update public.reservations r
        set title = btrim(p_values ->> 'title'), start_date = v_case.start_date, end_date = v_case.end_date,
            status = p_verdict.outcome::public.reservation_status, series_id = p_series_id,
            guest_count = (p_values ->> 'guest_count')::integer,
            approved_at = case when p_verdict.outcome = 'approved' then now() end,
            created_at = now()
        where r.id = p_hold_id
        returning * into v_row;
    end if;
    perform app.save_details(v_row.id, p_values || jsonb_build_object('overrides', p_verdict.overridden));
    if v_plan is not null then
        perform app.submit_approvals(v_row, v_plan);
    end if;
    if cardinality(v_displaced) > 0 then
        foreach v_weaker in array v_displaced loop
            perform app.enlist_displaced(v_weaker);
        end loop;
        perform app.advance_waitlist(p_asset.id);
    end if;
    return v_row;
end;
$$;

-- A reservation as its own resource; notes, guests, overrides and reasons only for the booker and for managers, approvals
-- for those whom they concern too.
create or replace function app.reservation_json(p_row public.reservations)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_json jsonb := app.reservation_state(p_row) || jsonb_build_object(
        'organization_id', p_row.organization_id,
        'booked_by', app.person_name(p_row.user_id),
        'time_zone', (select a.timezone from public.assets a where a.id = p_row.asset_id),
        'series_id', p_row.series_id,
        'hold_expires_at', app.utc(p_row.hold_expires_at),
        'approved_by', p_row.approved_by, 'approved_at', app.utc(p_row.approved_at),
        'canceled_at', app.utc(p_row.canceled_at),
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    );
    v_details public.reservation_details;
begin
    if app.may_read_approvals(p_row) then
        v_json := v_json || jsonb_build_object('approvals', app.approvals_json(p_row.id));
    end if;
    if p_row.user_id is distinct from auth.uid() and coalesce(app.member_role(p_row.organization_id), 'viewer') > 'manager' then
        return v_json;
    end if;
    select * into v_details from public.reservation_details d where d.reservation_id = p_row.id;
    return v_json || jsonb_build_object(
        'notes', v_details.notes,
        'metadata', coalesce(v_details.metadata, '{}'),
        'overrides', coalesce(v_details.overrides, '[]'),
        'rejected_reason', v_details.rejected_reason,
        'cancellation_reason', v_details.cancellation_reason,
        'guests', (
            select coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'email', g.email) order by g.position), '[]')
            from public.reservation_guests g
            where g.reservation_id = p_row.id
        )
    );
end;
$$;
