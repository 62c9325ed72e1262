-- Streams learn at once that a session has ended, however it did: signed out here or at Supabase Auth, in whatever scope,
-- by a new password, by an administrator; and that a session has lost its second factor.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A hint for each organisation of these people: the relay asks stream_grants, which looks for the session. It must never
-- fail or wait for long, or nobody could sign out; a hint that is missed costs a minute.
create function app.hint_of_sessions(p_user_ids uuid[])
returns void
language plpgsql
security definer
set search_path = ''
set lock_timeout = '500ms'
as $$
begin
    perform app.announce_access(m.organization_id, m.user_id)
    from public.organization_members m
    where m.user_id = any (p_user_ids);
exception
    when lock_not_available or undefined_function or undefined_table or invalid_schema_name or insufficient_privilege then
        raise warning 'sessions have ended without a hint to the relay: %', sqlerrm;
end;
$$;

-- Triggers on auth.sessions, which hosted Supabase lets one put there.
create function app.announce_ended_sessions()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.hint_of_sessions(array(select distinct e.user_id from ended e));
    return null;
end;
$$;
create trigger announce_access_on_sign_out after delete on auth.sessions
    referencing old table as ended
    for each statement execute function app.announce_ended_sessions();

create function app.announce_lowered_session()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform app.hint_of_sessions(array[new.user_id]);
    return null;
end;
$$;
create trigger announce_access_on_lower_level after update of aal on auth.sessions
    for each row when (new.aal < old.aal)
    execute function app.announce_lowered_session();

-- May these people open a stream, and what may they see there? For the relay, which has verified their tokens.
-- Requests {user_id, organization_id, aal, session_id, ticket_id}; answers in the same order. For a grant's
-- mark see app.access_mark. `epoch` is what the former BFF reads of that. A ticket is
-- spent by this, whatever the answer; the relay verifies that none is old. The level is the token's, or the session's where
-- that has become lower: unlike a request, a stream lasts.
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
                when q.session_id is not null and s.id is null then '{"granted": false, "reason": "session_ended"}'
                when o.id is null then '{"granted": false, "reason": "not_found"}'
                when m.user_id is null then '{"granted": false, "reason": "not_member"}'
                when o.require_mfa and (q.aal is distinct from 'aal2' or s.aal::text < 'aal2')
                    then '{"granted": false, "reason": "mfa_required"}'
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
        -- A batch is of many people: what one token calls its session must not fail it for all.
        left join auth.sessions s on s.user_id = q.user_id and s.id = case
            when q.session_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then q.session_id::uuid
        end
        left join public.organizations o on o.id = q.organization_id and o.is_active and o.deleted_at is null
        left join public.organization_members m on m.organization_id = o.id and m.user_id = q.user_id
        left join lateral (
            select app.sections_of(o.id, m.role, m.tier_id) as sections where m.user_id is not null
        ) visible on true
    );
end;
$$;
