-- Requests in the audit log: what the BFF hands over in batches, perhaps twice, perhaps long after.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The organisation that a thing belongs to, or belonged to. Ids are unique over all tables, so the kind need not be known.
create function app.organization_of(p_resource_id uuid)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_organization_id uuid;
begin
    if p_resource_id is null then
        return null;
    end if;
    select found.organization_id into v_organization_id
    from (
        select r.organization_id from public.reservations r where r.id = p_resource_id
        union all select a.organization_id from public.assets a where a.id = p_resource_id
        union all select s.organization_id from public.reservation_series s where s.id = p_resource_id
        union all select w.organization_id from public.maintenance_windows w where w.id = p_resource_id
        union all select e.organization_id from public.waitlist_entries e where e.id = p_resource_id
        union all select q.organization_id from public.approval_requests q where q.id = p_resource_id
        union all select v.organization_id from public.rule_approvals v where v.id = p_resource_id
        union all select d.organization_id from public.approval_delegations d where d.id = p_resource_id
        union all select i.organization_id from public.invitations i where i.id = p_resource_id
        union all select t.organization_id from public.tiers t where t.id = p_resource_id
        union all select b.organization_id from public.tier_booking_rules b where b.id = p_resource_id
        union all select x.organization_id from public.blackout_dates x where x.id = p_resource_id
        union all select h.organization_id from public.holidays h where h.id = p_resource_id
        union all select p.organization_id from public.asset_photos p where p.id = p_resource_id
        union all select o.id from public.organizations o where o.id = p_resource_id
    ) found
    where found.organization_id is not null
    limit 1;
    return coalesce(v_organization_id, app.audited_organization(p_resource_id));
end;
$$;

-- Whether a record is fit to be written: one expression, because it is asked of each of thousands a second.
create function app.is_request_record(p_record jsonb)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return jsonb_typeof(p_record) = 'object'
        and jsonb_typeof(p_record -> 'id') = 'string' and pg_input_is_valid(p_record ->> 'id', 'uuid')
        and jsonb_typeof(p_record -> 'created_at') = 'string'
        and p_record ->> 'created_at' ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$'
        and pg_input_is_valid(p_record ->> 'created_at', 'timestamptz')
        and (p_record ->> 'created_at')::timestamptz >= '1970-01-01 00:00+00'
        and (p_record ->> 'created_at')::timestamptz < '2200-01-01 00:00+00'
        and jsonb_typeof(p_record -> 'action') = 'string' and length(p_record ->> 'action') between 1 and 100
        and coalesce(jsonb_typeof(p_record -> 'user_id') in ('string', 'null'), true)
        and coalesce(pg_input_is_valid(p_record ->> 'user_id', 'uuid'), true)
        and coalesce(jsonb_typeof(p_record -> 'organization_id') in ('string', 'null'), true)
        and coalesce(pg_input_is_valid(p_record ->> 'organization_id', 'uuid'), true)
        and coalesce(jsonb_typeof(p_record -> 'resource_id') in ('string', 'null'), true)
        and coalesce(pg_input_is_valid(p_record ->> 'resource_id', 'uuid'), true)
        and coalesce(jsonb_typeof(p_record -> 'resource_type') in ('string', 'null'), true)
        and coalesce(length(p_record ->> 'resource_type') <= 100, true)
        and coalesce(jsonb_typeof(p_record -> 'ip_address') in ('string', 'null'), true)
        and coalesce(pg_input_is_valid(p_record ->> 'ip_address', 'inet'), true)
        and coalesce(masklen((p_record ->> 'ip_address')::inet) >= 32 * family((p_record ->> 'ip_address')::inet) - 96, true)
        and coalesce(jsonb_typeof(p_record -> 'user_agent') in ('string', 'null'), true)
        and coalesce(length(p_record ->> 'user_agent') <= 1000, true)
        and coalesce(jsonb_typeof(p_record -> 'request_method') in ('string', 'null'), true)
        and coalesce(length(p_record ->> 'request_method') <= 20, true)
        and coalesce(jsonb_typeof(p_record -> 'request_path') in ('string', 'null'), true)
        and coalesce(length(p_record ->> 'request_path') <= 2048, true)
        and coalesce(jsonb_typeof(p_record -> 'error_message') in ('string', 'null'), true)
        and coalesce(length(p_record ->> 'error_message') <= 2000, true)
        and coalesce(jsonb_typeof(p_record -> 'response_status') in ('number', 'null'), true)
        and coalesce(p_record ->> 'response_status' ~ '^\d{1,3}$', true)
        and coalesce(jsonb_typeof(p_record -> 'duration_ms') in ('number', 'null'), true)
        and coalesce((p_record ->> 'duration_ms')::numeric between 0 and 999999999, true)
        and coalesce(jsonb_typeof(p_record -> 'metadata') in ('object', 'null'), true)
        and coalesce(octet_length((p_record -> 'metadata')::text) <= 16384, true)
        and coalesce(octet_length((p_record -> 'request_body')::text) <= 65536, true);
end;
$$;

-- What is wrong with a record that app.is_request_record does not like: the field and a code. It never raises: a batch
-- holds other people's records too.
create function app.request_record_fault(p_record jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
    c_metadata_bytes constant integer := 16384;
    c_body_bytes constant integer := 65536;
    v_fault text;
    v_text text;
begin
    -- A NUL, half a surrogate pair, a number out of range: nothing that Postgres could hold.
    if p_record is null then
        return 'record: not_storable';
    elsif jsonb_typeof(p_record) <> 'object' then
        return 'record: not_an_object';
    end if;

    select f.name || ': ' || f.code into v_fault
    from (
        select k.name, case
            when coalesce(jsonb_typeof(p_record -> k.name), 'null') = 'null' then case when k.required then 'missing' end
            when jsonb_typeof(p_record -> k.name) <> 'string' then 'not_a_string'
            when k.most is null and not pg_input_is_valid(p_record ->> k.name, 'uuid') then 'not_a_uuid'
            when length(p_record ->> k.name) > k.most then 'too_long'
            when k.required and p_record ->> k.name = '' then 'empty'
        end as code
        from (
            values
                ('id', null, true), ('user_id', null, false), ('organization_id', null, false), ('resource_id', null, false),
                ('created_at', 40, true), ('action', 100, true), ('resource_type', 100, false), ('ip_address', 50, false),
                ('user_agent', 1000, false), ('request_method', 20, false), ('request_path', 2048, false),
                ('error_message', 2000, false)
        ) as k(name, most, required)
    ) f
    where f.code is not null
    limit 1;
    if v_fault is not null then
        return v_fault;
    end if;

    v_text := p_record ->> 'created_at';
    if v_text !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$'
        or not pg_input_is_valid(v_text, 'timestamptz') then
        return 'created_at: not_a_time';
    elsif v_text::timestamptz < '1970-01-01 00:00+00' or v_text::timestamptz >= '2200-01-01 00:00+00' then
        return 'created_at: out_of_range';
    end if;
    v_text := p_record ->> 'ip_address';
    if not pg_input_is_valid(v_text, 'inet') then
        return 'ip_address: not_an_address';
    elsif masklen(v_text::inet) < (case family(v_text::inet) when 4 then 32 else 128 end) then
        return 'ip_address: a_network';
    end if;
    if coalesce(jsonb_typeof(p_record -> 'response_status'), 'null') <> 'null' and (
        jsonb_typeof(p_record -> 'response_status') <> 'number' or p_record ->> 'response_status' !~ '^\d{1,3}$'
    ) then
        return 'response_status: not_a_status';
    elsif jsonb_typeof(p_record -> 'duration_ms') not in ('number', 'null') then
        return 'duration_ms: not_a_number';
    elsif jsonb_typeof(p_record -> 'duration_ms') = 'number'
        and (p_record ->> 'duration_ms')::numeric not between 0 and 999999999 then
        return 'duration_ms: out_of_range';
    elsif jsonb_typeof(p_record -> 'metadata') not in ('object', 'null') then
        return 'metadata: not_an_object';
    elsif octet_length(p_record ->> 'metadata') > c_metadata_bytes then
        return 'metadata: too_long';
    elsif octet_length((p_record -> 'request_body')::text) > c_body_bytes then
        return 'request_body: too_long';
    end if;
    return 'record: not_accepted';
end;
$$;

-- Writes records of requests, each once for all time, whoever sends it again and with whom at once. Answers
-- {written, known, refused: [{index, id, reason}]}, which add up to the records: what is refused will be the next time too.
-- json, not jsonb: that would refuse the batch for one NUL before this function saw it.
-- An entry stands in the chain of an organisation where its person is or was a member there; else in the platform's, with
-- metadata.claimed_organization_id: no stranger fills another office's log.
create function public.record_requests(p_records json)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    c_most constant integer := 2000;
    v_refused jsonb;
    v_total integer;
    v_written integer;
begin
    if p_records is null or json_typeof(p_records) <> 'array' then
        perform app.fail_fields(jsonb_build_array(app.field_error('records', 'list_type', 'A list is expected here.')));
    end if;
    v_total := json_array_length(p_records);
    if v_total > c_most then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'records', 'list_length', format('There must be 0 to %s records.', c_most),
            jsonb_build_object('min', 0, 'max', c_most)
        )));
    end if;

    with read as materialized (
        select
            e.place - 1 as place,
            -- Of what cannot be read, when it comes first, as the BFF writes it.
            substring(e.value::text from '^\s*\{\s*"id"\s*:\s*"([0-9A-Fa-f-]{36})"') as id,
            case when pg_input_is_valid(e.value::text, 'jsonb') then e.value::text::jsonb end as record
        from json_array_elements(p_records) with ordinality as e(value, place)
    ), judged as materialized (
        select
            r.place, r.id, r.record,
            case when app.is_request_record(r.record) is not true then app.request_record_fault(r.record) end as fault
        from read r
    ), fresh as materialized (
        -- Sorted by id below: two batches with the same records would else wait for each other.
        select distinct on (r.id) r.*
        from judged j
        cross join lateral jsonb_to_record(j.record) as r(
            id uuid, created_at timestamptz, user_id uuid, organization_id uuid, action text, resource_type text,
            resource_id uuid, ip_address inet, user_agent text, request_method text, request_path text,
            request_body jsonb, response_status smallint, error_message text, duration_ms numeric, metadata jsonb
        )
        where j.fault is null
        order by r.id, j.place
    ), placed as (
        select f.*, c.organization_id as claimed_id, m.organization_id as chain_organization_id
        from fresh f
        cross join lateral (
            select coalesce(f.organization_id, app.organization_of(f.resource_id)) as organization_id
        ) c
        left join app.past_members m on m.organization_id = c.organization_id and m.user_id = f.user_id
    ), written as (
        insert into public.audit_logs (
            id, created_at, user_id, organization_id, action, resource_type, resource_id, ip_address, user_agent,
            request_method, request_path, request_body, response_status, error_message, duration_ms, metadata
        )
        select
            p.id, p.created_at, p.user_id, p.chain_organization_id, p.action, p.resource_type, p.resource_id, p.ip_address,
            p.user_agent, p.request_method, p.request_path, nullif(p.request_body, 'null'), p.response_status,
            p.error_message, p.duration_ms,
            coalesce(p.metadata, '{}') - 'claimed_organization_id' || '{"source": "request"}'
            || case when p.claimed_id is not null and p.chain_organization_id is null
                then jsonb_build_object('claimed_organization_id', p.claimed_id) else '{}' end
        from placed p
        order by p.id
        on conflict (id) do nothing
        returning id, created_at, organization_id
    ), unsealed as (
        insert into app.audit_unsealed (chain_id, created_at, entry_id)
        select app.chain_of(w.organization_id), w.created_at, w.id from written w
        returning 1
    )
    select
        (select count(*) from unsealed),
        (
            select jsonb_agg(
                jsonb_build_object(
                    'index', j.place, 'id', left(coalesce(j.record ->> 'id', j.id), 100), 'reason', j.fault
                ) order by j.place
            )
            from judged j
            where j.fault is not null
        )
    into v_written, v_refused;
    v_refused := coalesce(v_refused, '[]');
    return jsonb_build_object(
        'written', v_written, 'known', v_total - v_written - jsonb_array_length(v_refused), 'refused', v_refused
    );
exception
    when lock_not_available or deadlock_detected then
        perform app.fail('SERVICE_UNAVAILABLE', 'Someone else is writing the same records; try again.', 503);
end;
$$;
grant execute on function public.record_requests(json) to service_role;
