-- Placing a booking that has been judged, and releasing one: the two ends that every path to a booking shares.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- overrides: the rules that somebody entitled set aside for this booking: [{rule_id, rule_type, rule_version, code,
-- params, reason, overridden_by, overridden_at}]. canceled_by: who may undo it depends on who did it.
alter table public.reservation_details
    add column overrides jsonb not null default '[]'
        constraint reservation_details_overrides_array check (jsonb_typeof(overrides) = 'array'),
    add column canceled_by uuid;

-- Whether a booking of this case may push aside whatever stands there: bookings only, none of them begun, each of a
-- weaker tier, and the case's tier can override. Whoever is no member any more counts as of the default tier.
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

-- Ends a booking: canceled, rejected, expired. What it frees is offered to those who wait. The caller holds the asset's
-- lock (app.lock_assets), and then the row's.
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

-- The same without the waiting list: where something else is to take the time first.
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
    return v_row;
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
    v_exclude_ids uuid[] := p_case.exclude_ids || array_remove(array[p_hold_id], null);
    v_row public.reservations;
begin
    perform app.refuse_taken(p_asset, p_case.start_date, p_case.end_date, v_exclude_ids);
    insert into public.reservations
        (organization_id, asset_id, user_id, title, start_date, end_date, status, guest_count, series_id, approved_at)
    values (
        p_case.organization_id, p_asset.id, p_case.user_id, btrim(p_values ->> 'title'), p_case.start_date,
        p_case.end_date, 'approved', (p_values ->> 'guest_count')::integer, p_series_id, now()
    )
    returning * into v_row;
    perform app.save_details(v_row.id, p_values);
    return v_row;
end;
$$;
