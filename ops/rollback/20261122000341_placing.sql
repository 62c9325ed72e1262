-- Takes back 20261122000341_placing.sql.
-- Loses: public.reservation_details.overrides, public.reservation_details.canceled_by (which rules were set aside by whom, and
-- who canceled).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter table public.reservation_details drop constraint reservation_details_overrides_array;

drop function app.place_booking(public.assets, app.booking_case, app.verdict, jsonb, uuid, uuid, boolean);
drop function app.is_obstructed(public.assets, app.booking_case, app.verdict, boolean);
drop function app.displace(public.assets, app.booking_case);
drop function app.release_booking(public.reservations, public.reservation_status, text);
drop function app.end_booking(public.reservations, public.reservation_status, text);
drop function app.obstacles(public.assets, app.booking_case, app.verdict);
drop function app.is_displaceable(public.assets, app.booking_case);
drop function app.fail_rules(jsonb, jsonb);

alter table public.reservation_details drop column overrides;
alter table public.reservation_details drop column canceled_by;

-- As 20261122000260_booking.sql made it.
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

-- As 20261122000260_booking.sql made it.
create or replace function app.save_details(p_reservation_id uuid, p_values jsonb)
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
