-- Takes back 20261128000441_feature_switches.sql.
-- Loses: nothing.
-- Keeps: app.feature_flags, of which nothing is asked any more: all is on.
-- Note: the BFF first; the one that came with it expects `features` from me().

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger waitlist_is_on on public.waitlist_entries;
drop function app.require_waitlist();

-- As 20261122000160_accounts.sql made it.
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

drop function public.stream_grants(jsonb);
-- What the migration found under this name comes back under it.
alter function app.decide_stream_grants(jsonb) rename to stream_grants;
alter function app.stream_grants(jsonb) set schema public;
grant execute on function public.stream_grants(jsonb) to service_role;

-- As 20261122000392_bulk_assets.sql made it.
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

-- As 20261122000341_placing.sql made it.
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
