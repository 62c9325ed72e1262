-- Takes back 20261128000400_stream_access.sql.
-- Loses: app.spent_tickets. A ticket that opened a stream in the last half minute could open one more.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.spend_tickets(jsonb);

drop table app.spent_tickets;

drop function app.access_mark(uuid, public.asset_section[]);

-- As 20261122000351_maintenance_log.sql made it.
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

-- As 20261122000270_calendar.sql made it.
create or replace function public.stream_grants(p_requests jsonb)
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
