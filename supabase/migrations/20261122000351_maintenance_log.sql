-- Maintenance in the event log and on the calendar: the same numbering, the same locks, the same snapshot as bookings.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An event is of a booking or of a maintenance window.
alter table public.calendar_events add column maintenance_id uuid;
-- The relay of the version before reads neither id.
-- squawk-ignore ban-drop-not-null
alter table public.calendar_events alter column reservation_id drop not null;
-- squawk-ignore constraint-missing-not-valid
alter table public.calendar_events add constraint calendar_events_one_subject
    check (num_nonnulls(reservation_id, maintenance_id) = 1);
-- squawk-ignore ban-drop-constraint
alter table public.calendar_events drop constraint calendar_events_type_known;
-- squawk-ignore constraint-missing-not-valid
alter table public.calendar_events add constraint calendar_events_type_known check (
    type in (
        'reservation_created', 'reservation_updated', 'reservation_canceled',
        'maintenance_scheduled', 'maintenance_updated', 'maintenance_canceled'
    )
);

-- A window as the calendar and the events show it. Both use this one, so that snapshot and events cannot differ.
create function app.maintenance_state(p_row public.maintenance_windows)
returns jsonb
language sql
stable
parallel safe
as $$
    select jsonb_build_object(
        'id', p_row.id, 'asset_id', p_row.asset_id, 'title', p_row.title,
        'start_date', app.utc(p_row.start_date), 'end_date', app.utc(p_row.end_date),
        'status', p_row.status, 'version', p_row.version
    )
$$;

create or replace function app.event_json(p_event public.calendar_events)
returns jsonb
language sql
stable
parallel safe
as $$
    select jsonb_build_object(
        'organization_id', p_event.organization_id, 'seq', p_event.seq, 'id', p_event.id,
        'cursor', app.cursor_of(p_event.seq, p_event.id), 'type', p_event.type,
        'reservation_id', p_event.reservation_id, 'maintenance_id', p_event.maintenance_id,
        'asset_ids', to_jsonb(p_event.asset_ids),
        'sections', to_jsonb(p_event.sections), 'payload', p_event.payload,
        'source_user_id', p_event.source_user_id, 'occurred_at', app.utc(p_event.occurred_at)
    )
$$;

-- Appends one event; p_state is what it is about, under the name of its kind, the first word of its type. Answers its
-- number, or null where the organisation is being deleted.
-- squawk-ignore ban-drop-function
drop function app.append_event(uuid, text, jsonb, jsonb, uuid, uuid[]);
create function app.append_event(
    p_organization_id uuid, p_type text, p_state jsonb, p_previous jsonb, p_asset_ids uuid[]
)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
    v_id uuid := gen_random_uuid();
    v_subject text := split_part(p_type, '_', 1);
    v_subject_id uuid := p_state ->> 'id';
    v_seq bigint;
begin
    update app.event_counters c set last_seq = c.last_seq + 1, last_id = v_id
    where c.organization_id = p_organization_id
    returning c.last_seq into v_seq;
    if found then
        insert into public.calendar_events (
            organization_id, seq, id, type, reservation_id, maintenance_id, asset_ids, sections, payload,
            source_user_id, occurred_at
        )
        values (
            p_organization_id, v_seq, v_id, p_type,
            case v_subject when 'reservation' then v_subject_id end,
            case v_subject when 'maintenance' then v_subject_id end,
            p_asset_ids,
            (
                select array_agg(distinct_section.section order by distinct_section.place)
                from (
                    select a.section, min(states.place) as place
                    from unnest(p_asset_ids) with ordinality as states(asset_id, place)
                    join public.assets a on a.id = states.asset_id
                    group by a.section
                ) distinct_section
            ),
            jsonb_build_object(v_subject, p_state, 'previousState', p_previous),
            auth.uid(), clock_timestamp()
        );
    end if;
    return v_seq;
end;
$$;

-- Logs the change of one row that app.note_event has noted, whatever table it is of: under the counters, which the first
-- call takes for the whole transaction; the last one of an organisation tells the relay. p_type null: nothing to tell.
create function app.log_change(
    p_organization_id uuid, p_type text, p_state jsonb, p_previous jsonb, p_asset_ids uuid[]
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_notes jsonb := coalesce(nullif(current_setting('app.event_notes', true), ''), '{}')::jsonb;
    v_note jsonb := coalesce(v_notes -> p_organization_id::text, '{"noted": 1, "done": 0}');
    v_seq bigint;
begin
    if v_note ->> 'done' = '0' then
        perform app.lock_event_counters(v_notes);
    end if;
    if p_type is not null then
        v_seq := app.append_event(p_organization_id, p_type, p_state, p_previous, p_asset_ids);
    end if;
    v_note := v_note || jsonb_build_object(
        'done', (v_note ->> 'done')::integer + 1, 'first', coalesce((v_note ->> 'first')::bigint, v_seq)
    );
    if (v_note ->> 'done')::integer >= (v_note ->> 'noted')::integer then
        if v_note ->> 'first' is not null then
            perform app.announce_events(p_organization_id, (v_note ->> 'first')::bigint);
        end if;
        v_notes := v_notes - p_organization_id::text;
    else
        v_notes := jsonb_set(v_notes, array[p_organization_id::text], v_note);
    end if;
    perform set_config('app.event_notes', v_notes::text, true);
end;
$$;

-- What a change of a booking is called; see app.log_change. A definer, because a deferred trigger runs as whoever commits.
create or replace function app.log_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_held boolean := tg_op <> 'INSERT' and app.holds_slot(old.status);
    v_holds boolean := tg_op <> 'DELETE' and app.holds_slot(new.status);
begin
    if v_held and v_holds and new.* is distinct from old.* then
        perform app.log_change(
            new.organization_id, 'reservation_updated', app.reservation_state(new), app.reservation_state(old),
            case when new.asset_id = old.asset_id then array[new.asset_id] else array[new.asset_id, old.asset_id] end
        );
    elsif v_holds and not v_held then
        perform app.log_change(
            new.organization_id, 'reservation_created', app.reservation_state(new), null, array[new.asset_id]
        );
    elsif v_held and not v_holds then
        -- It is gone from where it stood; those who watched that asset need not learn of another one.
        perform app.log_change(
            old.organization_id, 'reservation_canceled',
            case when tg_op = 'DELETE' then app.reservation_state(old) || '{"status": "canceled"}'
                else app.reservation_state(new) || jsonb_build_object('asset_id', old.asset_id) end,
            app.reservation_state(old), array[old.asset_id]
        );
    else
        -- An update that changed nothing, or nothing that stands on a calendar, is nothing to tell.
        perform app.log_change(coalesce(new.organization_id, old.organization_id), null, null, null, null);
    end if;
    return null;
end;
$$;

-- The same for maintenance windows.
create function app.log_maintenance_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_held boolean := tg_op <> 'INSERT' and old.status = 'scheduled';
    v_holds boolean := tg_op <> 'DELETE' and new.status = 'scheduled';
begin
    if v_held and v_holds and app.maintenance_state(new) <> app.maintenance_state(old) then
        perform app.log_change(
            new.organization_id, 'maintenance_updated', app.maintenance_state(new), app.maintenance_state(old),
            case when new.asset_id = old.asset_id then array[new.asset_id] else array[new.asset_id, old.asset_id] end
        );
    elsif v_holds and not v_held then
        perform app.log_change(
            new.organization_id, 'maintenance_scheduled', app.maintenance_state(new), null, array[new.asset_id]
        );
    elsif v_held and not v_holds then
        perform app.log_change(
            old.organization_id, 'maintenance_canceled',
            case when tg_op = 'DELETE' then app.maintenance_state(old) || '{"status": "canceled"}'
                else app.maintenance_state(new) || jsonb_build_object('asset_id', old.asset_id) end,
            app.maintenance_state(old), array[old.asset_id]
        );
    else
        perform app.log_change(coalesce(new.organization_id, old.organization_id), null, null, null, null);
    end if;
    return null;
end;
$$;

-- The names of the triggers on reservations: app.log_before_asset_goes makes all constraints of that name immediate.
create trigger events_1_noted after insert or update or delete on public.maintenance_windows
    for each row execute function app.note_event();
create constraint trigger events_2_logged after insert or update or delete on public.maintenance_windows
    deferrable initially deferred
    for each row execute function app.log_maintenance_event();

-- What stands on the calendar in [p_from, p_to), and the log's position. STABLE, so that all its reads are of one snapshot:
-- who opens the stream from this cursor misses nothing and sees nothing twice. A volatile helper in here would break it.
create or replace function public.calendar(
    p_organization_id uuid, p_from timestamptz, p_to timestamptz, p_asset_ids uuid[] default null,
    p_section public.asset_section default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_sections public.asset_section[];
    v_rows jsonb;
    v_maintenance jsonb;
begin
    perform app.require_member(p_organization_id);
    v_sections := app.visible_sections(p_organization_id);
    v_errors := app.range_errors(p_from, p_to, 'from', 'to');
    if v_errors = '[]' and p_to - p_from > interval '400 days' then
        v_errors := v_errors || app.field_error(
            'to', 'range_too_long', 'A window of 400 days at most is allowed.', '{"max_days": 400}'
        );
    end if;
    perform app.fail_fields(v_errors);

    select jsonb_agg(app.reservation_state(r) order by r.start_date, r.id)
    into v_rows
    from public.reservations r
    where r.organization_id = p_organization_id
        and r.start_date < p_to
        -- The second bound follows from the first and the longest booking; the index needs it, or it would read the whole future.
        and r.end_date > p_from and r.end_date < p_to + interval '8784 hours'
        and app.holds_slot(r.status)
        and (p_asset_ids is null or r.asset_id = any (p_asset_ids))
        and (
            (v_sections is null and p_section is null)
            or r.asset_id in (
                select a.id from public.assets a
                where a.organization_id = p_organization_id
                    and (v_sections is null or a.section = any (v_sections))
                    and (p_section is null or a.section = p_section)
            )
        );
    select jsonb_agg(app.maintenance_state(w) order by w.start_date, w.id)
    into v_maintenance
    from public.maintenance_windows w
    where w.organization_id = p_organization_id
        and w.start_date < p_to and w.end_date > p_from and w.end_date < p_to + interval '8784 hours'
        and w.status = 'scheduled'
        and (p_asset_ids is null or w.asset_id = any (p_asset_ids))
        and (
            (v_sections is null and p_section is null)
            or w.asset_id in (
                select a.id from public.assets a
                where a.organization_id = p_organization_id
                    and (v_sections is null or a.section = any (v_sections))
                    and (p_section is null or a.section = p_section)
            )
        );
    return jsonb_build_object(
        'reservations', coalesce(v_rows, '[]'),
        'maintenance', coalesce(v_maintenance, '[]'),
        'cursor', app.head_cursor(p_organization_id)
    );
end;
$$;
