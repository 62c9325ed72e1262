-- What a stream's cursor says of the access it was given under, and tickets that open one stream, whichever process honours them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The access under which somebody sees a calendar, in eight characters: four for the sections, four for how often assets
-- may have come into them or left (app.access_epochs), which is no matter to those who see all. A client that was away
-- shows it, and so learns that what it has is stale.
create function app.access_mark(p_organization_id uuid, p_sections public.asset_section[])
returns text
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    return left(
        md5(coalesce((select string_agg(s::text, ',' order by s) from unnest(p_sections) s), p_sections::text, 'all')), 4
    ) || lpad(
        to_hex(
            coalesce((select x.epoch from app.access_epochs x where x.organization_id = p_organization_id), 0) % 65536
        ),
        4, '0'
    );
end;
$$;

-- What stands on the calendar in [p_from, p_to), and the log's position. STABLE, so that all its reads are of one snapshot:
-- who opens the stream from this cursor misses nothing and sees nothing twice. A volatile helper in here would break it.
-- `cursor` is the log's; `stream_cursor` also says under which access this was read, and is what the stream takes.
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
    v_cursor text;
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
    v_cursor := app.head_cursor(p_organization_id);
    return jsonb_build_object(
        'reservations', coalesce(v_rows, '[]'),
        'maintenance', coalesce(v_maintenance, '[]'),
        'cursor', v_cursor,
        'stream_cursor', v_cursor || '-' || app.access_mark(p_organization_id, v_sections)
    );
end;
$$;

-- Tickets that have opened a stream, until they would have expired anyhow.
create table app.spent_tickets (
    id uuid primary key,
    expires_at timestamptz not null
);
alter table app.spent_tickets enable row level security;
create index spent_tickets_expires_at on app.spent_tickets (expires_at);

-- Spends the tickets of a batch, and answers those that were good: each id once, ever and anywhere.
create function app.spend_tickets(p_requests jsonb)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
    v_spent uuid[];
begin
    with fresh as (
        insert into app.spent_tickets (id, expires_at)
        select distinct q.ticket_id, now() + interval '5 minutes'
        from jsonb_to_recordset(p_requests) as q(ticket_id uuid)
        where q.ticket_id is not null
        -- Sorted, or two batches with the same tickets could wait for each other.
        order by q.ticket_id
        on conflict do nothing
        returning id
    )
    select coalesce(array_agg(f.id), '{}') into v_spent from fresh f;
    if v_spent <> '{}' then
        delete from app.spent_tickets t
        where t.id in (
            select old.id from app.spent_tickets old
            where old.expires_at < now()
            order by old.expires_at
            limit 1000
            for update skip locked
        );
    end if;
    return v_spent;
end;
$$;

-- May these people open a stream, and what may they see there? For the relay, which has verified their tokens.
-- Requests {user_id, organization_id, aal, session_id, ticket_id}; answers in the same order. For a grant's
-- mark see app.access_mark. `epoch` is what the former BFF reads of that. A ticket is
-- spent by this, whatever the answer; the relay verifies that none is old.
create or replace function public.stream_grants(p_requests jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    v_spent uuid[] := app.spend_tickets(p_requests);
begin
    return (
        select coalesce(jsonb_agg(
            case
                when q.ticket_id is not null and (e.use > 1 or q.ticket_id <> all (v_spent))
                    then '{"granted": false, "reason": "ticket_spent"}'
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
                    'sections', to_jsonb(visible.sections),
                    'cursor', app.head_cursor(o.id),
                    'mark', app.access_mark(o.id, visible.sections),
                    'epoch', coalesce(
                        (select x.epoch from app.access_epochs x where x.organization_id = o.id), 0
                    )
                )
            end
            order by e.place
        ), '[]')
        from (
            select
                asked.request, asked.place,
                row_number() over (partition by asked.request ->> 'ticket_id' order by asked.place) as use
            from jsonb_array_elements(p_requests) with ordinality as asked(request, place)
        ) e
        cross join lateral jsonb_to_record(e.request) as q(
            user_id uuid, organization_id uuid, aal text, session_id text, ticket_id uuid
        )
        left join public.organizations o on o.id = q.organization_id and o.is_active and o.deleted_at is null
        left join public.organization_members m on m.organization_id = o.id and m.user_id = q.user_id
        left join lateral (
            select app.sections_of(o.id, m.role, m.tier_id) as sections where m.user_id is not null
        ) visible on true
    );
end;
$$;
