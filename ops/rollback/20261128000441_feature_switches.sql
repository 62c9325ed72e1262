-- Takes 20261128000441_feature_switches.sql back: nothing is asked of the flags any more, so all is on.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create or replace function public.me()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_profile public.profiles;
begin
    select p.* into v_profile from public.profiles p where p.id = auth.uid();
    if not found then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    return jsonb_build_object(
        'user', jsonb_build_object('id', v_profile.id, 'email', v_profile.email),
        'profile', to_jsonb(v_profile) || jsonb_build_object(
            'created_at', app.utc(v_profile.created_at), 'updated_at', app.utc(v_profile.updated_at)
        ),
        'memberships', coalesce(
            (
                select jsonb_agg(
                    jsonb_build_object(
                        'organization', jsonb_build_object(
                            'id', o.id, 'commercial_name', o.commercial_name, 'legal_name', o.legal_name,
                            'logo_url', o.logo_url, 'timezone', o.timezone
                        ),
                        'role', m.role,
                        'tier', app.tier_json(m.organization_id, m.tier_id),
                        'joined_at', app.utc(m.joined_at)
                    )
                    order by coalesce(o.commercial_name, o.legal_name), o.id
                )
                from public.organization_members m
                join public.organizations o on o.id = m.organization_id
                where m.user_id = v_profile.id and o.is_active and o.deleted_at is null
            ),
            '[]'
        ),
        'aal', coalesce(auth.jwt() ->> 'aal', 'aal1')
    );
end;
$$;

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

create or replace function public.bulk_assets(
    p_organization_id uuid, p_mode text, p_operations jsonb, p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    c_route constant text := 'bulk_assets';
    c_most constant integer := 100;
    v_answer jsonb;
    v_operation jsonb;
    v_asset public.assets;
    v_error text;
    v_results jsonb[] := '{}';
    v_errors jsonb[] := '{}';
begin
    perform app.require_user();
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id);
    if p_mode is null or p_mode not in ('atomic', 'partial') then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'mode', 'enum', 'This must be atomic or partial.', '{"expected": ["atomic", "partial"]}'
        )));
    end if;
    if jsonb_typeof(p_operations) is distinct from 'array' then
        perform app.fail_fields(jsonb_build_array(app.field_error('operations', 'list_type', 'A list is expected here.')));
    end if;
    if jsonb_array_length(p_operations) not between 1 and c_most then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'operations', 'list_length', format('There must be 1 to %s operations.', c_most),
            jsonb_build_object('min', 1, 'max', c_most)
        )));
    end if;
    v_answer := app.claim_idempotency_key(
        c_route, p_idempotency_key,
        jsonb_build_object('organization_id', p_organization_id, 'mode', p_mode, 'operations', p_operations)
    );
    if v_answer is not null then
        return v_answer;
    end if;
    -- All of them before the first row, as whoever books does: two bulks, or a bulk and a booking, wait and never deadlock.
    -- The organisation's only, for whoever names others' must not hold up their bookings.
    perform app.lock_assets(array(
        select a.id from public.assets a
        where a.organization_id = p_organization_id
            and a.id in (select app.parse_uuid(o.value ->> 'id') from jsonb_array_elements(p_operations) o)
    ));

    for v_operation in select o.value from jsonb_array_elements(p_operations) o loop
        begin
            v_asset := app.apply_asset_operation(p_organization_id, v_operation);
            v_answer := jsonb_build_object('status', 'ok', 'asset', app.asset_json(v_asset) - 'deleted_at');
        exception
            when sqlstate 'PGRST' then
                get stacked diagnostics v_error = message_text;
                v_answer := jsonb_build_object('status', 'error', 'error', app.operation_error(v_error::jsonb));
        end;
        v_answer := v_answer || jsonb_build_object('index', cardinality(v_results), 'op', v_operation -> 'op');
        v_results := v_results || v_answer;
        if v_answer ? 'error' then
            v_errors := v_errors || v_answer;
        end if;
    end loop;
    if p_mode = 'atomic' and v_errors <> '{}' then
        perform app.fail_operations(to_jsonb(v_errors));
    end if;

    v_answer := jsonb_build_object(
        'results', to_jsonb(v_results), 'succeeded', cardinality(v_results) - cardinality(v_errors),
        'failed', cardinality(v_errors)
    );
    perform app.keep_answer(c_route, p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;

drop trigger waitlist_is_on on public.waitlist_entries;
drop function app.require_waitlist();

create or replace function app.is_displaceable(p_asset public.assets, p_case app.booking_case)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
    v_priority integer;
begin
    select t.priority into v_priority
    from public.tiers t
    where t.id = p_case.tier_id and t.organization_id = p_case.organization_id and t.can_override;
    if not found then
        return false;
    end if;
    return not exists (
        select from public.maintenance_windows w
        where w.asset_id = p_asset.id and w.status = 'scheduled' and w.end_date > now()
            and tstzrange(w.start_date, w.end_date)
                && tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes))
    ) and not exists (
        select
        from app.occupancy o
        left join public.reservations r on r.id = o.source_id
        left join public.organization_members m on m.organization_id = r.organization_id and m.user_id = r.user_id
        left join public.tiers t on t.organization_id = r.organization_id
            and (t.id = m.tier_id or (m.tier_id is null and t.is_default))
        where o.asset_id = p_asset.id
            and o.occupied
                && tstzrange(p_case.start_date, p_case.end_date + app.turnaround(p_asset.turnaround_minutes))
            and o.source_id <> all (p_case.exclude_ids)
            and (o.expires_at is null or o.expires_at > now())
            and (
                o.kind <> 'reservation' or r.start_date <= now() or r.status not in ('pending', 'approved')
                or t.priority is null or t.priority <= v_priority
            )
    );
end;
$$;
