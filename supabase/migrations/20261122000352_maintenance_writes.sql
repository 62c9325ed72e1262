-- Maintenance as admins and owners write it: schedule, change, cancel and read a window.
--
-- Locks, in the order of all bookings: the idempotency key; the assets' advisory locks; the rows of the bookings in the
-- way; the window's row; at commit the event counters. So the window's version is compared without a lock, and once more
-- in the update itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The asset, if the caller may maintain it. Out of service it may be, archived not.
create function app.maintainable_asset(p_asset_id uuid)
returns public.assets
language plpgsql
stable
set search_path = ''
as $$
declare
    v_asset public.assets := app.visible_asset(p_asset_id);
begin
    perform app.require_member(v_asset.organization_id, 'admin');
    perform app.require_aal2(v_asset.organization_id);
    return v_asset;
end;
$$;

-- The window, if the caller may see it; else there is none. The same rule as the policy of the table.
create function app.visible_maintenance(p_maintenance_id uuid)
returns public.maintenance_windows
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.maintenance_windows;
    v_section public.asset_section;
    v_sections public.asset_section[];
begin
    if auth.uid() is null then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    select * into v_row from public.maintenance_windows w where w.id = p_maintenance_id;
    select a.section into v_section from public.assets a where a.id = v_row.asset_id;
    v_sections := app.visible_sections(v_row.organization_id);
    if v_row.id is null or (v_sections is not null and v_section <> all (v_sections)) then
        perform app.fail('NOT_FOUND', 'There is no such maintenance window.', 404);
    end if;
    return v_row;
end;
$$;

-- A window as its own resource.
create function app.maintenance_json(p_row public.maintenance_windows)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return app.maintenance_state(p_row) || jsonb_build_object(
        'organization_id', p_row.organization_id,
        'time_zone', (select a.timezone from public.assets a where a.id = p_row.asset_id),
        'resolution', p_row.resolution, 'created_by', p_row.created_by,
        'canceled_at', app.utc(p_row.canceled_at), 'cancellation_reason', p_row.cancellation_reason,
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    );
end;
$$;

-- All faults of what a window shall be, at once. It may have begun already: what breaks is written down afterwards.
create function app.maintenance_errors(
    p_title text, p_start timestamptz, p_end timestamptz, p_resolution text, p_reason text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_texts jsonb := jsonb_build_object('title', p_title, 'reason', nullif(btrim(p_reason), ''));
    v_range_errors jsonb := app.range_errors(p_start, p_end);
    v_errors jsonb := app.key_errors(v_texts, '{title,reason}', '{title}') || app.text_errors(v_texts, 'title', 200)
        || app.text_errors(v_texts, 'reason', 2000) || v_range_errors;
begin
    if v_range_errors = '[]' then
        -- To end within this minute is to end now.
        if p_end < date_trunc('minute', now()) then
            v_errors := v_errors || app.field_error('end_date', 'datetime_future', 'Maintenance cannot end in the past.');
        end if;
        if p_end - p_start < interval '1 minute' then
            v_errors := v_errors || app.field_error(
                'end_date', 'range_too_short', 'Maintenance takes a minute at least.', '{"min_minutes": 1}'
            );
        elsif p_end - p_start > interval '366 days' then
            v_errors := v_errors || app.field_error(
                'end_date', 'range_too_long', 'Maintenance takes 366 days at most.', '{"max_days": 366}'
            );
        end if;
    end if;
    if p_resolution not in ('cancel', 'keep') then
        v_errors := v_errors || app.field_error(
            'resolution', 'literal_error', 'This must be cancel or keep.', '{"expected": ["cancel", "keep"]}'
        );
    end if;
    return v_errors;
end;
$$;

-- What the window becomes by these changes; `reason` is for the bookings that they cancel. Raises all their faults at once.
create function app.patched_maintenance(p_row public.maintenance_windows, p_changes jsonb)
returns public.maintenance_windows
language plpgsql
stable
set search_path = ''
as $$
declare
    v_new public.maintenance_windows := p_row;
    v_errors jsonb := app.key_errors(p_changes, '{asset_id,title,start_date,end_date,resolution,reason}');
    v_key text;
begin
    perform app.fail_fields(v_errors);
    foreach v_key in array array['start_date', 'end_date'] loop
        if p_changes ? v_key and app.parse_time(p_changes ->> v_key) is null then
            v_errors := v_errors || app.field_error(v_key, 'datetime_parsing', 'A time with its offset is expected here.');
        end if;
    end loop;
    foreach v_key in array array['title', 'resolution', 'reason'] loop
        if jsonb_typeof(p_changes -> v_key) not in ('string', 'null') then
            v_errors := v_errors || app.field_error(v_key, 'string_type', 'Text is expected here.');
        end if;
    end loop;
    if p_changes ? 'asset_id' and app.patched_asset_id(p_changes) is null then
        v_errors := v_errors || app.field_error('asset_id', 'uuid_parsing', 'An id is expected here.');
    end if;
    if v_errors = '[]' then
        v_new.asset_id := coalesce(app.patched_asset_id(p_changes), p_row.asset_id);
        if p_changes ? 'title' then v_new.title := btrim(p_changes ->> 'title'); end if;
        if p_changes ? 'start_date' then v_new.start_date := app.parse_time(p_changes ->> 'start_date'); end if;
        if p_changes ? 'end_date' then v_new.end_date := app.parse_time(p_changes ->> 'end_date'); end if;
        if p_changes ? 'resolution' then v_new.resolution := p_changes ->> 'resolution'; end if;
        v_errors := app.maintenance_errors(
            v_new.title, v_new.start_date, v_new.end_date, v_new.resolution, p_changes ->> 'reason'
        );
    end if;
    perform app.fail_fields(v_errors);
    return v_new;
end;
$$;

-- No resolution sets another window aside.
create function app.refuse_overlapping_maintenance(p_window public.maintenance_windows)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_conflicts jsonb;
begin
    select jsonb_agg(
        jsonb_build_object(
            'kind', 'maintenance', 'id', w.id, 'title', w.title,
            'start_date', app.utc(w.start_date), 'end_date', app.utc(w.end_date)
        )
        order by w.start_date
    )
    into v_conflicts
    from public.maintenance_windows w
    where w.asset_id = p_window.asset_id and w.status = 'scheduled' and w.id <> p_window.id
        and tstzrange(w.start_date, w.end_date) && tstzrange(p_window.start_date, p_window.end_date);
    if v_conflicts is not null then
        perform app.fail(
            'CONFLICT', 'The asset is in maintenance at that time.', 409,
            jsonb_build_object('conflicts', v_conflicts, 'resolutions', '[]'::jsonb, 'reason', 'maintenance')
        );
    end if;
end;
$$;

-- Locks the rows of the bookings that are to be cancelled, or kept, for the window, and ends the forms that are being
-- filled in over it, offers to the waiting list too. Answers the bookings' ids in the order of their times.
create function app.clear_way_for_maintenance(p_window public.maintenance_windows)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_booking_ids uuid[];
begin
    select array_agg(l.id), array_agg(l.id order by l.start_date) filter (where app.holds_slot(l.status))
    into v_ids, v_booking_ids
    from (
        select r.id, r.start_date, r.status
        from public.reservations r
        where r.end_date > now() and r.id in (
            select o.source_id from app.occupancy o
            where o.asset_id = p_window.asset_id
                and o.occupied && tstzrange(p_window.start_date, p_window.end_date)
        )
        order by r.id
        for no key update
    ) l;
    delete from public.reservations r where r.id = any (v_ids) and r.status = 'hold';
    return coalesce(v_booking_ids, '{}');
end;
$$;

-- Cancels these bookings for the window, which takes their time as they go; whoever had not begun goes to the head of the
-- waiting list, should the window be cancelled in its turn. Without a reason they are told the window's title.
create function app.cancel_bookings_for_maintenance(p_reservation_ids uuid[], p_title text, p_reason text)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_row public.reservations;
begin
    for v_row in
        select r.* from public.reservations r
        where r.id = any (p_reservation_ids) and app.holds_slot(r.status) and r.end_date > now()
        order by r.start_date, r.id
    loop
        v_row := app.end_booking(v_row, 'canceled', coalesce(nullif(btrim(p_reason), ''), p_title));
        if v_row.start_date > now() and v_row.user_id is not null then
            perform app.enlist_displaced(v_row);
        end if;
    end loop;
end;
$$;

-- Schedules maintenance of an asset, in one round trip. Over bookings only by a word about them: 'cancel' cancels those
-- that have not ended, with p_reason; 'keep' leaves them, and the window takes its time around them. Else: 409 with the list.
create function public.create_maintenance(
    p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz, p_resolution text default null,
    p_reason text default null, p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_asset public.assets;
    v_row public.maintenance_windows;
    v_booking_ids uuid[] := '{}';
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'create_maintenance', p_idempotency_key,
        jsonb_build_object(
            'asset_id', p_asset_id, 'title', p_title, 'start_date', extract(epoch from p_start_date),
            'end_date', extract(epoch from p_end_date), 'resolution', p_resolution, 'reason', p_reason
        )
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_asset := app.maintainable_asset(p_asset_id);
    perform app.fail_fields(app.maintenance_errors(p_title, p_start_date, p_end_date, p_resolution, p_reason));
    perform app.lock_assets(array[p_asset_id]);
    -- Whoever was demoted, or what was archived, while we waited.
    v_asset := app.maintainable_asset(p_asset_id);
    v_row.id := gen_random_uuid();
    v_row.asset_id := p_asset_id;
    v_row.start_date := p_start_date;
    v_row.end_date := p_end_date;
    perform app.refuse_overlapping_maintenance(v_row);
    if p_resolution is null then
        perform app.refuse_maintenance_conflicts(v_row);
    else
        v_booking_ids := app.clear_way_for_maintenance(v_row);
    end if;
    insert into public.maintenance_windows
        (id, organization_id, asset_id, title, start_date, end_date, resolution, created_by)
    values (
        v_row.id, v_asset.organization_id, p_asset_id, btrim(p_title), p_start_date, p_end_date, p_resolution, auth.uid()
    )
    returning * into v_row;
    if p_resolution = 'cancel' then
        perform app.cancel_bookings_for_maintenance(v_booking_ids, v_row.title, p_reason);
        perform app.refuse_maintenance_conflicts(v_row);
    end if;
    if p_resolution is not null then
        -- What the cancelled bookings, and the forms, took beyond the window is free.
        perform app.advance_waitlist(p_asset_id);
    end if;
    v_answer := app.maintenance_json(v_row) || jsonb_build_object(
        'canceled_reservation_ids', to_jsonb(case p_resolution when 'cancel' then v_booking_ids else '{}' end)
    );
    perform app.keep_answer('create_maintenance', p_idempotency_key, v_answer);
    return v_answer;
exception
    -- The exclusion: somebody in the dashboard was quicker. Whoever comes again is told of what.
    when lock_not_available or deadlock_detected or serialization_failure or exclusion_violation then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_maintenance(uuid, text, timestamptz, timestamptz, text, text, text) to authenticated;

-- The window in the version that the caller knows and in a state that can still change. Under the asset's lock.
create function app.open_maintenance(p_maintenance_id uuid, p_asset_id uuid, p_expected_version integer)
returns public.maintenance_windows
language plpgsql
set search_path = ''
as $$
declare
    v_row public.maintenance_windows;
begin
    select * into v_row from public.maintenance_windows w where w.id = p_maintenance_id;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such maintenance window.', 404);
    end if;
    if v_row.asset_id <> p_asset_id then
        -- Somebody moved it to an asset that we hold no lock of, while we waited for ours.
        perform app.fail_busy();
    end if;
    if v_row.version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The maintenance window has been changed meanwhile.', 412,
            jsonb_build_object('current', app.maintenance_json(v_row))
        );
    end if;
    if v_row.status <> 'scheduled' then
        perform app.fail(
            'INVALID_STATE', 'The maintenance window is canceled.', 409,
            jsonb_build_object('reason', 'status', 'status', v_row.status)
        );
    end if;
    if v_row.end_date <= now() then
        perform app.fail(
            'INVALID_STATE', 'The maintenance has ended.', 409,
            jsonb_build_object('reason', 'ended', 'status', v_row.status)
        );
    end if;
    return v_row;
end;
$$;

-- Moved without a new word about bookings: the old one holds for those that it was said about, and for no others.
create function app.refuse_further_conflicts(p_old public.maintenance_windows, p_new public.maintenance_windows)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_unresolved public.maintenance_windows := p_new;
begin
    v_unresolved.resolution := null;
    perform app.refuse_maintenance_conflicts(
        v_unresolved,
        case
            when p_old.resolution = 'keep' and p_new.asset_id = p_old.asset_id then array(
                select o.source_id from app.occupancy o
                where o.asset_id = p_old.asset_id and o.occupied && tstzrange(p_old.start_date, p_old.end_date)
            )
            else '{}'
        end
    );
end;
$$;

-- Changes a window: asset_id, title, start_date, end_date, and, for the bookings in its new way, resolution and reason.
create function public.update_maintenance(
    p_maintenance_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.maintenance_windows := app.visible_maintenance(p_maintenance_id);
    v_row public.maintenance_windows;
    v_new public.maintenance_windows;
    v_target uuid;
    v_moved boolean;
    v_booking_ids uuid[] := '{}';
    v_asset_id uuid;
begin
    perform app.require_member(v_seen.organization_id, 'admin');
    perform app.require_aal2(v_seen.organization_id);
    v_target := coalesce(app.patched_asset_id(p_changes), v_seen.asset_id);
    if v_target <> v_seen.asset_id and (app.maintainable_asset(v_target)).organization_id <> v_seen.organization_id then
        perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
    end if;
    perform app.lock_assets(array[v_seen.asset_id, v_target]);
    perform app.require_member(v_seen.organization_id, 'admin');
    v_row := app.open_maintenance(p_maintenance_id, v_seen.asset_id, p_expected_version);
    v_new := app.patched_maintenance(v_row, p_changes);
    v_moved := p_changes ? 'resolution' or (v_new.asset_id, v_new.start_date, v_new.end_date)
        is distinct from (v_row.asset_id, v_row.start_date, v_row.end_date);
    if v_moved then
        perform app.refuse_overlapping_maintenance(v_new);
        if not p_changes ? 'resolution' then
            perform app.refuse_further_conflicts(v_row, v_new);
        elsif v_new.resolution is null then
            perform app.refuse_maintenance_conflicts(v_new);
        end if;
        v_booking_ids := app.clear_way_for_maintenance(v_new);
    end if;
    if v_new is distinct from v_row then
        update public.maintenance_windows w
        set asset_id = v_new.asset_id, title = v_new.title, start_date = v_new.start_date, end_date = v_new.end_date,
            resolution = v_new.resolution
        where w.id = v_row.id and w.version = v_row.version
        returning * into v_new;
        if not found then
            perform app.fail_busy();
        end if;
        if p_changes ->> 'resolution' = 'cancel' then
            perform app.cancel_bookings_for_maintenance(v_booking_ids, v_new.title, p_changes ->> 'reason');
            perform app.refuse_maintenance_conflicts(v_new);
        end if;
        for v_asset_id in
            select distinct a.id from unnest(array[v_row.asset_id, v_new.asset_id]) as a(id) where v_moved order by a.id
        loop
            perform app.advance_waitlist(v_asset_id);
        end loop;
    end if;
    return app.maintenance_json(v_new) || jsonb_build_object(
        'canceled_reservation_ids',
        to_jsonb(case p_changes ->> 'resolution' when 'cancel' then v_booking_ids else '{}' end)
    );
exception
    when lock_not_available or deadlock_detected or serialization_failure or exclusion_violation then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_maintenance(uuid, jsonb, integer) to authenticated;

-- Cancels a window that has not ended; its time is offered to those who wait.
create function public.cancel_maintenance(
    p_maintenance_id uuid, p_reason text default null, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.maintenance_windows := app.visible_maintenance(p_maintenance_id);
    v_reason text := nullif(btrim(p_reason), '');
    v_row public.maintenance_windows;
begin
    perform app.require_member(v_seen.organization_id, 'admin');
    perform app.require_aal2(v_seen.organization_id);
    perform app.fail_fields(app.text_errors(jsonb_build_object('reason', v_reason), 'reason', 2000));
    perform app.lock_assets(array[v_seen.asset_id]);
    perform app.require_member(v_seen.organization_id, 'admin');
    v_row := app.open_maintenance(p_maintenance_id, v_seen.asset_id, p_expected_version);
    update public.maintenance_windows w
    set status = 'canceled', canceled_at = now(), cancellation_reason = v_reason
    where w.id = v_row.id and w.version = v_row.version
    returning * into v_row;
    if not found then
        perform app.fail_busy();
    end if;
    perform app.advance_waitlist(v_row.asset_id);
    return app.maintenance_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.cancel_maintenance(uuid, text, integer) to authenticated;

create function public.get_maintenance(p_maintenance_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return app.maintenance_json(app.visible_maintenance(p_maintenance_id));
end;
$$;
grant execute on function public.get_maintenance(uuid) to authenticated;
