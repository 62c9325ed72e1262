-- Takes back 20261128000410_ended_sessions.sql.
-- Loses: nothing.
-- Keeps: streams; they end within a minute of a sign-out, by the next look at their grants.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Their triggers with them: auth.sessions is not ours, so those cannot be dropped by name.
drop function app.announce_lowered_session() cascade;
drop function app.announce_ended_sessions() cascade;
drop function app.hint_of_sessions(uuid[]);

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
