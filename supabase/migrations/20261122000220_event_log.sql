-- The event log: every change of what stands on a calendar, numbered within its organisation without gaps and in the
-- order of the commits. Realtime only carries hints of it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.calendar_events (
    organization_id uuid not null references public.organizations (id) on delete cascade,
    seq bigint not null,
    id uuid not null,
    type text not null constraint calendar_events_type_known
        check (type in ('reservation_created', 'reservation_updated', 'reservation_canceled')),
    -- No foreign key: the log outlives a row that the dashboard deletes.
    reservation_id uuid not null,
    -- First where it is now, last where it was; one element when those are the same.
    asset_ids uuid[] not null,
    sections public.asset_section[] not null,
    -- Only what everyone who may see the asset may see.
    payload jsonb not null,
    source_user_id uuid,
    occurred_at timestamptz not null,
    primary key (organization_id, seq)
);
alter table public.calendar_events enable row level security;
create index calendar_events_occurred_at on public.calendar_events (occurred_at);

-- Both states must be visible: a row holds both, and a move out of a hidden section would show where it came from. The
-- stream makes other frames of such a move.
create policy "members see the events of the sections that their tier allows" on public.calendar_events
    for select to authenticated
    using (
        organization_id = any (array(select app.member_organizations()))
        and (
            organization_id = any (array(select app.full_view_organizations()))
            or (
                asset_ids[1] in (select app.section_view_assets())
                and asset_ids[cardinality(asset_ids)] in (select app.section_view_assets())
                and sections <@ app.visible_sections(organization_id)
            )
        )
    );
grant select on public.calendar_events to authenticated, service_role;

-- The head of each organisation's log, with the last event's id, which is half of a cursor. Room on each page, because each booking updates one row and must not move it.
create table app.event_counters (
    organization_id uuid primary key references public.organizations (id) on delete cascade,
    last_seq bigint not null default 0,
    last_id uuid not null default '00000000-0000-0000-0000-000000000000'
) with (fillfactor = 10);
alter table app.event_counters enable row level security;

create function app.open_event_log()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into app.event_counters (organization_id) values (new.id);
    return null;
end;
$$;
create trigger open_event_log after insert on public.organizations
    for each row execute function app.open_event_log();
insert into app.event_counters (organization_id) select o.id from public.organizations o;

-- Where the log stood: the event's number and the beginning of its id. After a restore from a backup the same number is
-- another event, and the ids differ.
create function app.cursor_of(p_seq bigint, p_id uuid)
returns text
language sql
immutable
parallel safe
as $$
    select p_seq || '-' || left(p_id::text, 8)
$$;

-- A booking as the calendar and the events show it. Both use this one, so that snapshot and events cannot differ.
create function app.reservation_state(p_row public.reservations)
returns jsonb
language sql
stable
parallel safe
as $$
    select jsonb_build_object(
        'id', p_row.id, 'asset_id', p_row.asset_id, 'user_id', p_row.user_id, 'title', p_row.title,
        'start_date', app.utc(p_row.start_date), 'end_date', app.utc(p_row.end_date),
        'status', p_row.status, 'guest_count', p_row.guest_count, 'version', p_row.version
    )
$$;

-- An event as Realtime and events_since give it.
create function app.event_json(p_event public.calendar_events)
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

-- Notes, at once, which organisations this transaction changes and how often; the deferred trigger below needs to know
-- all of them before it takes the first lock. A setting of the transaction: a rolled back savepoint takes its notes back.
-- {"<organisation>": {"noted": rows changed, "done": rows logged, "first": first seq of this transaction}}
create function app.note_event()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_notes jsonb := coalesce(nullif(current_setting('app.event_notes', true), ''), '{}')::jsonb;
    v_organization text := coalesce(new.organization_id, old.organization_id)::text;
    v_note jsonb := coalesce(v_notes -> v_organization, '{"noted": 0, "done": 0}');
begin
    v_note := jsonb_set(v_note, '{noted}', to_jsonb((v_note ->> 'noted')::integer + 1));
    perform set_config('app.event_notes', jsonb_set(v_notes, array[v_organization], v_note)::text, true);
    return null;
end;
$$;

-- Takes the counters of all organisations that this transaction changed, once and sorted: two transactions that touch the
-- same organisations would otherwise deadlock in their commits, beyond any handler. The lock is held for the rest of
-- the commit only; who waits too long is told to come again.
create function app.lock_event_counters(p_notes jsonb)
returns void
language plpgsql
set search_path = ''
set lock_timeout = '5s'
as $$
begin
    perform from app.event_counters c
    where c.organization_id in (select k::uuid from jsonb_object_keys(p_notes) as k)
    order by c.organization_id
    for no key update;
exception
    when lock_not_available or deadlock_detected then
        perform app.fail('SERVICE_UNAVAILABLE', 'Too many bookings are being written at once; try again.', 503);
end;
$$;

-- Appends one event. Answers its number, or null where the organisation is being deleted.
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

-- Sends what this transaction appended for an organisation: each event, or, for a whole series, one hint to read the log,
-- because hosted plans carry a hundred messages a second. realtime.send swallows its own errors: the log is the truth.
create function app.announce_events(p_organization_id uuid, p_first_seq bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_counter app.event_counters;
    v_event public.calendar_events;
begin
    select * into v_counter from app.event_counters c where c.organization_id = p_organization_id;
    if v_counter.last_seq - p_first_seq >= 10 then
        perform realtime.send(
            jsonb_build_object(
                'organization_id', p_organization_id, 'cursor', app.cursor_of(v_counter.last_seq, v_counter.last_id)
            ),
            'read_log', 'calendar-events', true
        );
    else
        for v_event in
            select e.* from public.calendar_events e
            where e.organization_id = p_organization_id and e.seq >= p_first_seq
            order by e.seq
        loop
            perform realtime.send(app.event_json(v_event), 'calendar_event', 'calendar-events', true);
        end loop;
    end if;
end;
$$;

-- Deferred to the commit, so that an organisation's counter is locked for as long as a commit takes and numbers are in
-- the order of the commits. A definer, because it runs as whoever commits. Each change of a row is logged, several of one
-- transaction too: replayed in order they end where the row ends.
create function app.log_event()
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

-- In the order of their names, should someone make the constraints immediate: noted first.
create trigger events_1_noted after insert or update or delete on public.reservations
    for each row execute function app.note_event();
create constraint trigger events_2_logged after insert or update or delete on public.reservations
    deferrable initially deferred
    for each row execute function app.log_event();

-- An asset that is deleted together with its bookings, or after they moved away, would be gone when the commit logs that,
-- and its section with it: those who see only that section would keep a ghost. So what is still to be logged is logged first.
create function app.log_before_asset_goes()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Of an organisation that is being deleted nothing is logged.
    if exists (select from public.organizations o where o.id = old.organization_id) then
        set constraints public.events_2_logged immediate;
        set constraints public.events_2_logged deferred;
    end if;
    return old;
end;
$$;
create trigger log_before_asset_goes before delete on public.assets
    for each row execute function app.log_before_asset_goes();
