-- Takes back 20261122000343_changing.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.restore_reservation(uuid, text);
drop function app.lock_restorable(uuid);
drop function public.update_reservation(uuid, jsonb, integer, jsonb);
drop function app.move_booking(public.reservations, public.reservations, public.assets, jsonb);
drop function app.require_notice(public.reservations);
drop function app.gives_up_time(public.reservations, uuid, timestamptz, timestamptz);

-- As 20261122000260_booking.sql made it.
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

-- As 20261122000260_booking.sql made it.
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

-- As 20261122000260_booking.sql made it.
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
