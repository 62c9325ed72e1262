-- Booking, with all that judges it: create, preview, change, cancel and restore.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Changes a booking; the same checks as for a new one, itself left out. A changed time or asset voids its approval.
create or replace function public.update_reservation(
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
        perform app.refuse_taken(v_asset, v_new.start_date, v_new.end_date, array[v_row.id]);
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
