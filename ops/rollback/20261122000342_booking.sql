-- Takes back 20261122000342_booking.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.preview_reservation(uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, jsonb, uuid, boolean);
drop function public.create_reservation(uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text, jsonb, uuid, boolean);
drop function app.lock_hold(uuid);
drop function app.own_hold(uuid, uuid);

-- As 20261122000260_booking.sql made it.
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
grant execute on function public.create_reservation(uuid, text, timestamptz, timestamptz, integer, text, jsonb, jsonb, text) to authenticated;
