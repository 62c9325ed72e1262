-- Takes back 20261122000351_maintenance_log.sql.
-- Loses: public.calendar_events, of each organisation those up to its last one of maintenance, which the former table
-- cannot hold. The rest has no gap, and a calendar that resumes from before it is told `reset`.
-- Keeps: the numbers, which go on where they stand.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

delete from public.calendar_events e
using (
    select m.organization_id, max(m.seq) as seq
    from public.calendar_events m
    where m.maintenance_id is not null
    group by m.organization_id
) last_of_maintenance
where e.organization_id = last_of_maintenance.organization_id and e.seq <= last_of_maintenance.seq;

drop trigger events_2_logged on public.maintenance_windows;
drop trigger events_1_noted on public.maintenance_windows;
alter table public.calendar_events drop constraint calendar_events_type_known;
alter table public.calendar_events drop constraint calendar_events_one_subject;

drop function app.log_maintenance_event();
drop function app.log_change(uuid, text, jsonb, jsonb, uuid[]);
drop function app.append_event(uuid, text, jsonb, jsonb, uuid[]);
drop function app.maintenance_state(public.maintenance_windows);

alter table public.calendar_events drop column maintenance_id;

-- As 20261122000220_event_log.sql made it.
create or replace function app.event_json(p_event public.calendar_events)
returns jsonb
language sql
stable
parallel safe
as $$
    select jsonb_build_object(
        'organization_id', p_event.organization_id, 'seq', p_event.seq, 'id', p_event.id,
        'cursor', app.cursor_of(p_event.seq, p_event.id), 'type', p_event.type,
        'reservation_id', p_event.reservation_id, 'asset_ids', to_jsonb(p_event.asset_ids),
        'sections', to_jsonb(p_event.sections), 'payload', p_event.payload,
        'source_user_id', p_event.source_user_id, 'occurred_at', app.utc(p_event.occurred_at)
    )
$$;

-- As 20261122000220_event_log.sql made it.
create function app.append_event(
    p_organization_id uuid, p_type text, p_reservation jsonb, p_previous jsonb, p_reservation_id uuid, p_asset_ids uuid[]
)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
    v_id uuid := gen_random_uuid();
    v_seq bigint;
begin
    update app.event_counters c set last_seq = c.last_seq + 1, last_id = v_id
    where c.organization_id = p_organization_id
    returning c.last_seq into v_seq;
    if found then
        insert into public.calendar_events
            (organization_id, seq, id, type, reservation_id, asset_ids, sections, payload, source_user_id, occurred_at)
        values (
            p_organization_id, v_seq, v_id, p_type, p_reservation_id, p_asset_ids,
            (
                select array_agg(distinct_section.section order by distinct_section.place)
                from (
                    select a.section, min(states.place) as place
                    from unnest(p_asset_ids) with ordinality as states(asset_id, place)
                    join public.assets a on a.id = states.asset_id
                    group by a.section
                ) distinct_section
            ),
            jsonb_build_object('reservation', p_reservation, 'previousState', p_previous),
            auth.uid(), clock_timestamp()
        );
    end if;
    return v_seq;
end;
$$;

-- As 20261122000220_event_log.sql made it.
create or replace function app.log_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_notes jsonb := coalesce(nullif(current_setting('app.event_notes', true), ''), '{}')::jsonb;
    v_organization_id uuid := coalesce(new.organization_id, old.organization_id);
    v_note jsonb := coalesce(v_notes -> v_organization_id::text, '{"noted": 1, "done": 0}');
    v_held boolean := tg_op <> 'INSERT' and app.holds_slot(old.status);
    v_holds boolean := tg_op <> 'DELETE' and app.holds_slot(new.status);
    v_state jsonb;
    v_seq bigint;
begin
    if v_note ->> 'done' = '0' then
        perform app.lock_event_counters(v_notes);
    end if;
    if v_held and v_holds and new.* is not distinct from old.* then
        null; -- An update that changed nothing is nothing to tell.
    elsif v_held and v_holds then
        v_seq := app.append_event(
            new.organization_id, 'reservation_updated', app.reservation_state(new), app.reservation_state(old), new.id,
            case when new.asset_id = old.asset_id then array[new.asset_id] else array[new.asset_id, old.asset_id] end
        );
    elsif v_holds then
        v_seq := app.append_event(
            new.organization_id, 'reservation_created', app.reservation_state(new), null, new.id, array[new.asset_id]
        );
    elsif v_held then
        -- It is gone from where it stood; those who watched that asset need not learn of another one.
        v_state := case when tg_op = 'DELETE' then app.reservation_state(old) || '{"status": "canceled"}'
            else app.reservation_state(new) || jsonb_build_object('asset_id', old.asset_id) end;
        v_seq := app.append_event(
            old.organization_id, 'reservation_canceled', v_state, app.reservation_state(old), old.id, array[old.asset_id]
        );
    end if;

    v_note := v_note || jsonb_build_object(
        'done', (v_note ->> 'done')::integer + 1, 'first', coalesce((v_note ->> 'first')::bigint, v_seq)
    );
    if (v_note ->> 'done')::integer >= (v_note ->> 'noted')::integer then
        if v_note ->> 'first' is not null then
            perform app.announce_events(v_organization_id, (v_note ->> 'first')::bigint);
        end if;
        v_notes := v_notes - v_organization_id::text;
    else
        v_notes := jsonb_set(v_notes, array[v_organization_id::text], v_note);
    end if;
    perform set_config('app.event_notes', v_notes::text, true);
    return null;
end;
$$;

-- As 20261122000270_calendar.sql made it.
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
begin
    perform app.require_member(p_organization_id);
    v_sections := app.visible_sections(p_organization_id);
    v_errors := app.range_errors(p_from, p_to, 'from', 'to');
    if v_errors = '[]' and p_to - p_from > interval '400 days' then
        v_errors := v_errors || app.field_error('to', 'range_too_long', 'A window of 400 days at most is allowed.');
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
    return jsonb_build_object(
        'reservations', coalesce(v_rows, '[]'),
        'cursor', app.head_cursor(p_organization_id)
    );
end;
$$;

alter table public.calendar_events add constraint calendar_events_type_known
    check (type in ('reservation_created', 'reservation_updated', 'reservation_canceled'));

alter table public.calendar_events alter column reservation_id set not null;
