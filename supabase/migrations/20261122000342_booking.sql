-- Booking for oneself: create and preview.
--
-- Locks, always in this order, so that no two bookings can wait for each other in a circle:
--   1. the row of the idempotency key
--   2. the assets concerned, by advisory locks, sorted (app.lock_assets)
--   3. the people whose bookings are counted, by advisory locks, sorted (app.lock_people)
--   4. reservations' rows, sorted; the assets' rows, shared
--   5. at commit, the organisations' event counters, sorted (app.lock_event_counters)
-- Every wait is bounded by the function's lock_timeout, and ends as 503 with Retry-After. What was looked at before a
-- wait is looked at again after it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- One's own hold of this asset, not expired; else there is none.
create function app.own_hold(p_hold_id uuid, p_asset_id uuid)
returns public.reservations
language plpgsql
stable
set search_path = ''
as $$
declare
    v_hold public.reservations;
begin
    select * into v_hold
    from public.reservations r
    where r.id = p_hold_id and r.user_id = auth.uid() and r.asset_id = p_asset_id and r.status = 'hold';
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such hold.', 404);
    end if;
    if v_hold.hold_expires_at <= now() then
        perform app.fail(
            'INVALID_STATE', 'The hold has expired.', 409,
            jsonb_build_object('reason', 'hold_expired', 'expired_at', app.utc(v_hold.hold_expires_at))
        );
    end if;
    return v_hold;
end;
$$;

-- The hold's row, locked; it may have gone while the caller waited for the asset.
create function app.lock_hold(p_hold_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from public.reservations r where r.id = p_hold_id and r.status = 'hold' for update;
    if not found then
        perform app.fail(
            'INVALID_STATE', 'The hold has expired.', 409, jsonb_build_object('reason', 'hold_expired')
        );
    end if;
end;
$$;

-- Books for the caller, in one round trip. Membership, role, section, the asset's state; then all faults of the input
-- at once; then, under the locks of the asset and of the caller, the rules and whether it is free.
-- squawk-ignore ban-drop-function
drop function public.create_reservation(uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text);
create function public.create_reservation(
    p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz, p_guest_count integer default null,
    p_notes text default null, p_metadata jsonb default null, p_guests jsonb default null,
    p_idempotency_key text default null, p_override jsonb default null, p_hold_id uuid default null,
    p_displace boolean default false
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_values jsonb := jsonb_build_object(
        'title', p_title, 'guest_count', p_guest_count, 'notes', p_notes, 'metadata', p_metadata, 'guests', p_guests
    );
    v_asset public.assets;
    v_seen integer;
    v_hold public.reservations;
    v_case app.booking_case;
    v_row public.reservations;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'create_reservation', p_idempotency_key,
        v_values || jsonb_build_object(
            'asset_id', p_asset_id, 'start_date', extract(epoch from p_start_date),
            'end_date', extract(epoch from p_end_date)
        ) || jsonb_strip_nulls(jsonb_build_object(
            -- Absent where not asked for, so that a key from before they were known still fits its request.
            'override', p_override, 'hold_id', p_hold_id, 'displace', nullif(p_displace, false)
        ))
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_asset := app.bookable_asset(p_asset_id);
    if p_hold_id is not null then
        v_hold := app.own_hold(p_hold_id, p_asset_id);
    end if;
    -- Whoever books now starts within this minute; what was held in time may be confirmed a little later.
    perform app.fail_fields(app.booking_errors(
        p_title, p_start_date, p_end_date, p_guest_count, p_notes, p_metadata, p_guests, v_asset.capacity,
        case when v_hold.start_date is distinct from p_start_date then date_trunc('minute', now()) end
    ));
    -- Nothing is refused before the lock: whoever wants the asset queues for it, and is judged in turn.
    perform app.lock_assets(array[p_asset_id]);
    perform app.lock_people(v_asset.organization_id, array[auth.uid()]);
    perform app.sweep_asset(p_asset_id);
    v_seen := v_asset.version;
    v_asset := app.bookable_asset(p_asset_id);
    if v_asset.version <> v_seen then
        perform app.fail_fields(app.booking_errors(
            p_title, p_start_date, p_end_date, p_guest_count, p_notes, p_metadata, p_guests, v_asset.capacity, null
        ));
    end if;
    if p_hold_id is not null then
        perform app.lock_hold(p_hold_id);
    end if;
    -- A hold was judged when it was made: its notice is not asked for once more.
    v_case := app.make_case(
        v_asset, auth.uid(), p_start_date, p_end_date, array_remove(array[p_hold_id], null),
        v_hold.start_date is distinct from p_start_date
    );
    v_row := app.place_booking(
        v_asset, v_case, app.weigh(v_case, p_override), v_values, null, p_hold_id, coalesce(p_displace, false)
    );
    v_answer := app.reservation_json(v_row);
    perform app.keep_answer('create_reservation', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_reservation(
    uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text, jsonb, uuid, boolean
) to authenticated;

-- What create_reservation would do with the same arguments, and nothing done: no lock, no row. STABLE, so that PostgREST
-- runs it in a transaction that cannot write, and all that it reads is of one snapshot.
create function public.preview_reservation(
    p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz, p_guest_count integer default null,
    p_notes text default null, p_metadata jsonb default null, p_guests jsonb default null, p_override jsonb default null,
    p_hold_id uuid default null, p_displace boolean default false
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_asset public.assets;
    v_hold public.reservations;
    v_case app.booking_case;
    v_verdict app.verdict;
    v_obstacles jsonb;
    v_outcome text;
begin
    perform app.require_user();
    v_asset := app.bookable_asset(p_asset_id);
    if p_hold_id is not null then
        v_hold := app.own_hold(p_hold_id, p_asset_id);
    end if;
    perform app.fail_fields(app.booking_errors(
        p_title, p_start_date, p_end_date, p_guest_count, p_notes, p_metadata, p_guests, v_asset.capacity,
        case when v_hold.start_date is distinct from p_start_date then date_trunc('minute', now()) end
    ));
    v_case := app.make_case(
        v_asset, auth.uid(), p_start_date, p_end_date, array_remove(array[p_hold_id], null),
        v_hold.start_date is distinct from p_start_date
    );
    v_verdict := app.weigh(v_case, p_override);
    v_obstacles := app.obstacles(v_asset, v_case, v_verdict);
    v_outcome := case
        when v_verdict.outcome = 'refused' then 'refused'
        when (v_obstacles -> 'taken')::boolean
            and not (coalesce(p_displace, false) and (v_obstacles -> 'displaceable')::boolean) then 'conflict'
        else v_verdict.outcome
    end;
    return jsonb_build_object(
        'outcome', v_outcome,
        'time_zone', v_asset.timezone,
        'violations', v_verdict.violations,
        'overridden', v_verdict.overridden,
        'conflicts', v_obstacles -> 'conflicts',
        'displaceable', v_obstacles -> 'displaceable',
        'alternatives', case
            when (v_obstacles -> 'taken')::boolean then app.free_alternatives(
                p_asset_id, p_start_date, p_end_date, app.turnaround(v_asset.turnaround_minutes), v_case.exclude_ids
            )
            else '[]'
        end,
        'approvals', case
            when v_outcome = 'pending' then app.approval_plan(v_case, v_verdict.violations) else '[]'
        end
    );
end;
$$;
grant execute on function public.preview_reservation(
    uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, jsonb, uuid, boolean
) to authenticated;
