-- Booking: create, change, cancel and read a reservation.
--
-- Locks, always in this order, so that no two bookings can wait for each other in a circle:
--   1. the row of the idempotency key
--   2. the assets concerned, by advisory locks, sorted (app.lock_assets)
--   3. (organisation, user), by an advisory lock, before anything of that person's is counted: none is, until there are
--      limits for each user
--   4. the reservation's row; the assets' rows, shared
--   5. at commit, the organisations' event counters, sorted (app.lock_event_counters)
-- Every wait is bounded by the function's lock_timeout, and ends as 503 with Retry-After.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Everyone who wants these assets queues here, before looking: fair, and without the constraint's waits. Sorted by the
-- lock's own number, for two assets may share one.
create function app.lock_assets(p_asset_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_key bigint;
begin
    for v_key in
        select distinct hashtextextended('asset:' || a.id, 0) as key from unnest(p_asset_ids) as a(id) order by key
    loop
        perform pg_advisory_xact_lock(v_key);
    end loop;
end;
$$;

-- What a caught lock failure becomes.
create function app.fail_busy()
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform app.fail('SERVICE_UNAVAILABLE', 'Too many bookings are being written at once; try again.', 503);
end;
$$;

-- Raises the conflict that it can see. To be called under app.lock_assets; the constraint catches whoever did without.
create function app.refuse_taken(
    p_asset public.assets, p_start timestamptz, p_end timestamptz, p_exclude_id uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_turnaround interval := app.turnaround(p_asset.turnaround_minutes);
begin
    if exists (
        select from app.occupancy o
        where o.asset_id = p_asset.id and o.occupied && tstzrange(p_start, p_end + v_turnaround)
            and o.source_id is distinct from p_exclude_id
    ) then
        perform app.fail_conflict(p_asset.id, p_start, p_end, v_turnaround, p_exclude_id);
    end if;
end;
$$;

-- A reservation as its own resource; notes, guests and reasons only for the booker and for managers.
create function app.reservation_json(p_row public.reservations)
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
        'approved_by', p_row.approved_by, 'approved_at', app.utc(p_row.approved_at),
        'canceled_at', app.utc(p_row.canceled_at),
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    );
    v_details public.reservation_details;
begin
    if p_row.user_id is distinct from auth.uid() and coalesce(app.member_role(p_row.organization_id), 'viewer') > 'manager' then
        return v_json;
    end if;
    select * into v_details from public.reservation_details d where d.reservation_id = p_row.id;
    return v_json || jsonb_build_object(
        'notes', v_details.notes,
        'metadata', coalesce(v_details.metadata, '{}'),
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

-- Writes those of notes, metadata and guests that p_values has a key for; null empties.
create function app.save_details(p_reservation_id uuid, p_values jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.reservation_details as d (reservation_id, notes, metadata)
    values (
        p_reservation_id, nullif(btrim(p_values ->> 'notes'), ''),
        coalesce(nullif(p_values -> 'metadata', 'null'), '{}')
    )
    on conflict (reservation_id) do update
        set notes = case when p_values ? 'notes' then excluded.notes else d.notes end,
            metadata = case when p_values ? 'metadata' then excluded.metadata else d.metadata end;
    if p_values ? 'guests' then
        delete from public.reservation_guests g where g.reservation_id = p_reservation_id;
        insert into public.reservation_guests (reservation_id, position, name, email)
        select p_reservation_id, g.ordinality, g.value ->> 'name', g.value ->> 'email'
        from jsonb_array_elements(coalesce(nullif(p_values -> 'guests', 'null'), '[]')) with ordinality as g;
    end if;
end;
$$;

-- Books for the caller, in one round trip. Membership, role, section, the asset's state; then all faults of the input
-- at once; then, under the asset's lock, whether it is free.
create function public.create_reservation(
    p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz, p_guest_count integer default null,
    p_notes text default null, p_metadata jsonb default null, p_guests jsonb default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_details jsonb := jsonb_build_object('notes', p_notes, 'metadata', p_metadata, 'guests', p_guests);
    v_asset public.assets;
    v_row public.reservations;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'create_reservation', p_idempotency_key,
        v_details || jsonb_build_object(
            'asset_id', p_asset_id, 'title', p_title, 'start_date', extract(epoch from p_start_date),
            'end_date', extract(epoch from p_end_date), 'guest_count', p_guest_count
        )
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_asset := app.bookable_asset(p_asset_id);
    -- Whoever books now starts within this minute.
    perform app.fail_fields(app.booking_errors(
        p_title, p_start_date, p_end_date, p_guest_count, p_notes, p_metadata, p_guests, v_asset.capacity,
        date_trunc('minute', now())
    ));
    perform app.lock_assets(array[p_asset_id]);
    perform app.refuse_taken(v_asset, p_start_date, p_end_date);
    -- Maintenance, blackouts, the tier's limits and its rules are judged here, before the row is written.
    insert into public.reservations
        (organization_id, asset_id, user_id, title, start_date, end_date, status, guest_count, approved_at)
    values (
        v_asset.organization_id, p_asset_id, auth.uid(), btrim(p_title), p_start_date, p_end_date, 'approved',
        p_guest_count, now()
    )
    returning * into v_row;
    perform app.save_details(v_row.id, v_details);
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('create_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_reservation(
    uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text
) to authenticated;

-- The reservation, locked, in the version that the caller knows and in a state that can still change.
create function app.lock_open_reservation(p_reservation_id uuid, p_expected_version integer)
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
    if v_row.status not in ('hold', 'pending', 'approved') then
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

-- Changes a booking; the same checks as for a new one, itself left out. A changed time or asset voids its approval.
create function public.update_reservation(
    p_reservation_id uuid, p_changes jsonb, p_expected_version integer default null
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
    if p_changes ?| array['asset_id', 'start_date', 'end_date'] then
        perform app.lock_assets(array[v_seen.asset_id, v_target]);
    end if;
    v_row := app.lock_open_reservation(p_reservation_id, p_expected_version);
    v_new := app.patched_reservation(
        v_row, p_changes,
        case when p_changes ?| array['asset_id', 'guest_count', 'guests'] then v_asset.capacity end
    );
    v_moved := (v_new.asset_id, v_new.start_date, v_new.end_date)
        is distinct from (v_row.asset_id, v_row.start_date, v_row.end_date);
    if v_moved then
        if v_row.asset_id <> v_seen.asset_id then
            -- Somebody moved it to an asset that we hold no lock of, while we waited for ours.
            perform app.fail_busy();
        end if;
        v_asset := app.bookable_asset(v_target);
        perform app.refuse_taken(v_asset, v_new.start_date, v_new.end_date, v_row.id);
        -- The rules judge a moved booking here as they judge a new one.
    end if;
    if p_changes <> '{}' then
        update public.reservations r
        set asset_id = v_new.asset_id, title = v_new.title, start_date = v_new.start_date, end_date = v_new.end_date,
            guest_count = v_new.guest_count,
            approved_by = case when not v_moved then r.approved_by end,
            approved_at = case when not v_moved then r.approved_at when r.status = 'approved' then now() end,
            -- Notes and guests have the reservation's version too: it counts although no column here has changed.
            updated_at = clock_timestamp()
        where r.id = v_row.id
        returning * into v_row;
        perform app.save_details(v_row.id, p_changes);
    end if;
    return app.reservation_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_reservation(uuid, jsonb, integer) to authenticated;

-- Cancels a booking that has not ended, one's own or, for managers and above, anyone's.
create function public.cancel_reservation(
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
    perform app.changeable_reservation(p_reservation_id);
    perform app.fail_fields(app.text_errors(jsonb_build_object('reason', v_reason), 'reason', 2000));
    v_row := app.lock_open_reservation(p_reservation_id, p_expected_version);
    -- The notice that a policy may ask for is judged here.
    update public.reservations r
    set status = 'canceled', canceled_at = now()
    where r.id = v_row.id
    returning * into v_row;
    insert into public.reservation_details as d (reservation_id, cancellation_reason)
    values (v_row.id, v_reason)
    on conflict (reservation_id) do update set cancellation_reason = excluded.cancellation_reason;
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('cancel_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.cancel_reservation(uuid, text, integer, text) to authenticated;

create function public.get_reservation(p_reservation_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return app.reservation_json(app.visible_reservation(p_reservation_id));
end;
$$;
grant execute on function public.get_reservation(uuid) to authenticated;
