-- The calendar and its log, as members and the relay read them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Where an organisation's log stands; '0-00000000' before its first event.
create function app.head_cursor(p_organization_id uuid)
returns text
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    return coalesce(
        (
            select app.cursor_of(c.last_seq, c.last_id)
            from app.event_counters c
            where c.organization_id = p_organization_id
        ),
        '0-00000000'
    );
end;
$$;

-- What stands on the calendar in [p_from, p_to), and the log's position. STABLE, so that all its reads are of one snapshot:
-- who opens the stream from this cursor misses nothing and sees nothing twice. A volatile helper in here would break it.
create function public.calendar(
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
grant execute on function public.calendar(uuid, timestamptz, timestamptz, uuid[], public.asset_section) to authenticated;

-- May these people open a stream, and what may they see there? For the relay, which has verified their tokens.
-- Requests {user_id, organization_id, aal, session_id}; answers in the same order. A grant's epoch is opaque: another one
-- means that assets may have come into these sections or left them (app.access_epochs).
create function public.stream_grants(p_requests jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(
            case
                when q.session_id is not null and not exists (
                    select from auth.sessions s
                    -- A batch is of many people: what one token calls its session must not fail it for all.
                    where s.user_id = q.user_id and s.id = case
                        when q.session_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then q.session_id::uuid
                    end
                ) then '{"granted": false, "reason": "session_ended"}'
                when o.id is null then '{"granted": false, "reason": "not_found"}'
                when m.user_id is null then '{"granted": false, "reason": "not_member"}'
                when o.require_mfa and q.aal is distinct from 'aal2' then '{"granted": false, "reason": "mfa_required"}'
                else jsonb_build_object(
                    'granted', true,
                    'sections', to_jsonb(app.sections_of(o.id, m.role, m.tier_id)),
                    'cursor', app.head_cursor(o.id),
                    'epoch', coalesce(
                        (select x.epoch from app.access_epochs x where x.organization_id = o.id), 0
                    )
                )
            end
            order by e.place
        ), '[]')
        from jsonb_array_elements(p_requests) with ordinality as e(request, place)
        cross join lateral jsonb_to_record(e.request) as q(user_id uuid, organization_id uuid, aal text, session_id text)
        left join public.organizations o on o.id = q.organization_id and o.is_active and o.deleted_at is null
        left join public.organization_members m on m.organization_id = o.id and m.user_id = q.user_id
    );
end;
$$;
grant execute on function public.stream_grants(jsonb) to service_role;

-- Whether a log can be continued from a cursor: 'ok', 'cursor_expired' (pruned since) or 'cursor_unknown' (of another
-- history, or ahead of this one).
create function app.cursor_status(p_organization_id uuid, p_cursor text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
    v_seq bigint;
    v_head app.event_counters;
    v_id uuid;
begin
    if p_cursor !~ '^[0-9]{1,18}-[0-9a-f]{8}$' then
        return 'cursor_unknown';
    end if;
    v_seq := split_part(p_cursor, '-', 1);
    select * into v_head from app.event_counters c where c.organization_id = p_organization_id;
    if v_head.organization_id is null or v_seq > v_head.last_seq then
        return 'cursor_unknown';
    elsif v_seq = v_head.last_seq then
        return case when p_cursor = app.cursor_of(v_head.last_seq, v_head.last_id) then 'ok' else 'cursor_unknown' end;
    elsif v_seq = 0 then
        return case
            when p_cursor <> '0-00000000' then 'cursor_unknown'
            when exists (
                select from public.calendar_events e where e.organization_id = p_organization_id and e.seq = 1
            ) then 'ok'
            else 'cursor_expired'
        end;
    end if;
    select e.id into v_id from public.calendar_events e where e.organization_id = p_organization_id and e.seq = v_seq;
    return case
        when v_id is null then 'cursor_expired'
        when app.cursor_of(v_seq, v_id) = p_cursor then 'ok'
        else 'cursor_unknown'
    end;
end;
$$;

-- What the logs hold beyond these cursors. Requests {organization_id, cursor}, a null cursor is the head; one JSON value,
-- because PostgREST cuts row sets at 1,000 without a word. p_limit: events for each organisation, 1 to 1,000.
create function public.events_since(p_requests jsonb, p_limit integer default 500)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_limit integer := least(greatest(coalesce(p_limit, 500), 1), 1000);
    v_answers jsonb := '[]';
    v_request record;
    v_status text;
    v_events jsonb;
begin
    for v_request in
        select q.organization_id, q.cursor
        from jsonb_array_elements(p_requests) with ordinality as e(request, place)
        cross join lateral jsonb_to_record(e.request) as q(organization_id uuid, cursor text)
        order by e.place
    loop
        v_status := case
            when v_request.cursor is null then 'ok'
            else app.cursor_status(v_request.organization_id, v_request.cursor)
        end;
        v_events := null;
        if v_status = 'ok' and v_request.cursor is not null then
            select jsonb_agg(app.event_json(e) order by e.seq)
            into v_events
            from (
                select * from public.calendar_events c
                where c.organization_id = v_request.organization_id
                    and c.seq > split_part(v_request.cursor, '-', 1)::bigint
                order by c.seq
                limit v_limit + 1
            ) e;
        end if;
        v_answers := v_answers || jsonb_build_object(
            'organization_id', v_request.organization_id,
            'status', v_status,
            'has_more', coalesce(jsonb_array_length(v_events) > v_limit, false),
            'events', coalesce(case when jsonb_array_length(v_events) > v_limit then v_events - v_limit else v_events end, '[]'),
            'cursor', app.head_cursor(v_request.organization_id)
        );
    end loop;
    return v_answers;
end;
$$;
grant execute on function public.events_since(jsonb, integer) to service_role;

-- Deletes what the log has held for more than seven days, answers how many. Only the oldest events of each log, so that a
-- clock that was set back cannot leave a hole; and the last of them stays, or whoever waits at the head of a quiet
-- calendar would hold a cursor that nothing can verify once the next event comes.
create function public.prune_calendar_events()
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_before timestamptz := now() - interval '168 hours';
    v_count integer;
begin
    with kept as materialized (
        select
            c.organization_id,
            coalesce(
                (
                    select min(young.seq) - 1 from public.calendar_events young
                    where young.organization_id = c.organization_id and young.occurred_at >= v_before
                ),
                c.last_seq
            ) as first_seq
        from app.event_counters c
    )
    delete from public.calendar_events e
    using kept k
    where e.organization_id = k.organization_id and e.seq < k.first_seq;
    get diagnostics v_count = row_count;
    return v_count;
end;
$$;
grant execute on function public.prune_calendar_events() to service_role;
