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

-- What is wrong with an id, or with a text, of a record, or null. Without a SET clause, so that the caller's one expression
-- sees through them.
create function app.uuid_fault(p_record jsonb, p_name text)
returns text
language sql
stable
parallel safe
as $$
    select case
        when jsonb_typeof(p_record -> p_name) not in ('string', 'null') then p_name || ': not_a_string'
        when not pg_input_is_valid(p_record ->> p_name, 'uuid') then p_name || ': not_a_uuid'
    end
$$;

create function app.text_fault(p_record jsonb, p_name text, p_most integer)
returns text
language sql
immutable
parallel safe
as $$
    select case
        when jsonb_typeof(p_record -> p_name) not in ('string', 'null') then p_name || ': not_a_string'
        when length(p_record ->> p_name) > p_most then p_name || ': too_long'
    end
$$;

-- Why a record is not fit to be written, the field and a code, or null where it is. It never raises: a batch holds other
-- people's records too. One expression, which stops at the first fault: it is asked of each of thousands a second. A time
-- ahead is refused because nobody did anything then, and what is sealed stays; ten minutes are for clocks that differ.
create function app.request_record_fault(p_record jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    return coalesce(
        case
            -- A NUL, half a surrogate pair, a number out of range: nothing that Postgres could hold.
            when p_record is null then 'record: not_storable'
            when jsonb_typeof(p_record) <> 'object' then 'record: not_an_object'
            when p_record ->> 'id' is null then 'id: missing'
            when p_record ->> 'created_at' is null then 'created_at: missing'
            when p_record ->> 'action' is null then 'action: missing'
            when p_record ->> 'action' = '' then 'action: empty'
        end,
        app.uuid_fault(p_record, 'id'), app.uuid_fault(p_record, 'user_id'), app.uuid_fault(p_record, 'organization_id'),
        app.uuid_fault(p_record, 'resource_id'), app.text_fault(p_record, 'created_at', 40),
        app.text_fault(p_record, 'action', 100), app.text_fault(p_record, 'resource_type', 100),
        app.text_fault(p_record, 'ip_address', 50), app.text_fault(p_record, 'user_agent', 1000),
        app.text_fault(p_record, 'request_method', 20), app.text_fault(p_record, 'request_path', 2048),
        app.text_fault(p_record, 'error_message', 2000),
        case
            when p_record ->> 'created_at' !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$'
                or not pg_input_is_valid(p_record ->> 'created_at', 'timestamptz') then 'created_at: not_a_time'
            when (p_record ->> 'created_at')::timestamptz < '1970-01-01 00:00+00' then 'created_at: out_of_range'
            when (p_record ->> 'created_at')::timestamptz > clock_timestamp() + interval '10 minutes'
                then 'created_at: in_the_future'
            when not pg_input_is_valid(p_record ->> 'ip_address', 'inet') then 'ip_address: not_an_address'
            when masklen((p_record ->> 'ip_address')::inet)
                < case family((p_record ->> 'ip_address')::inet) when 4 then 32 else 128 end then 'ip_address: a_network'
            when jsonb_typeof(p_record -> 'response_status') not in ('number', 'null')
                or p_record ->> 'response_status' !~ '^\d{1,3}$' then 'response_status: not_a_status'
            when jsonb_typeof(p_record -> 'duration_ms') not in ('number', 'null') then 'duration_ms: not_a_number'
            when (p_record ->> 'duration_ms')::numeric not between 0 and 999999999 then 'duration_ms: out_of_range'
            when jsonb_typeof(p_record -> 'metadata') not in ('object', 'null') then 'metadata: not_an_object'
            when octet_length((p_record -> 'metadata')::text) > 16384 then 'metadata: too_long'
            when octet_length((p_record -> 'request_body')::text) > 65536 then 'request_body: too_long'
        end
    );
end;
$$;

-- The records of a batch, each with what is wrong with it.
create function app.judged_records(p_records json)
returns table (place bigint, id text, record jsonb, fault text)
language sql
stable
set search_path = ''
as $$
    with read as materialized (
        select
            e.place - 1 as place,
            -- Of what cannot be read, when it comes first, as the BFF writes it.
            substring(e.value::text from '^\s*\{\s*"id"\s*:\s*"([0-9A-Fa-f-]{36})"') as id,
            case when pg_input_is_valid(e.value::text, 'jsonb') then e.value::text::jsonb end as record
        from json_array_elements(p_records) with ordinality as e(value, place)
    )
    select r.place, left(coalesce(r.record ->> 'id', r.id), 100), r.record, app.request_record_fault(r.record)
    from read r
$$;

-- Writes records that are fit for it, and answers how many of them are new. What the database alone knows is taken out of
-- their metadata: a record of a request must not look like the entry of a row.
create function app.write_requests(p_records jsonb[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    c_ours constant text[] := '{source,claimed_organization_id,session_user,role,transaction,old,new}';
    v_written integer;
begin
    with fresh as materialized (
        -- Sorted by id below: two batches with the same records would else wait for each other.
        select distinct on (r.id) r.*
        from unnest(p_records) with ordinality as e(record, place)
        cross join lateral jsonb_to_record(e.record) as r(
            id uuid, created_at timestamptz, user_id uuid, organization_id uuid, action text, resource_type text,
            resource_id uuid, ip_address inet, user_agent text, request_method text, request_path text,
            request_body jsonb, response_status smallint, error_message text, duration_ms numeric, metadata jsonb
        )
        order by r.id, e.place
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
            coalesce(p.metadata, '{}') - c_ours || '{"source": "request"}'
            || case when p.claimed_id is not null and p.chain_organization_id is null
                then jsonb_build_object('claimed_organization_id', p.claimed_id) else '{}' end
        from placed p
        order by p.id
        on conflict (id) do nothing
        returning id, created_at, organization_id
    )
    insert into app.audit_unsealed (chain_id, created_at, entry_id)
    select app.chain_of(w.organization_id), w.created_at, w.id from written w;
    get diagnostics v_written = row_count;
    return v_written;
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
    v_total integer;
    v_fit jsonb[];
    v_refused jsonb;
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
    select
        array_agg(j.record order by j.place) filter (where j.fault is null),
        coalesce(
            jsonb_agg(jsonb_build_object('index', j.place, 'id', j.id, 'reason', j.fault) order by j.place)
            filter (where j.fault is not null),
            '[]'
        )
    into v_fit, v_refused
    from app.judged_records(p_records) j;
    v_written := app.write_requests(v_fit);
    return jsonb_build_object(
        'written', v_written, 'known', v_total - v_written - jsonb_array_length(v_refused), 'refused', v_refused
    );
exception
    when lock_not_available or deadlock_detected then
        perform app.fail('SERVICE_UNAVAILABLE', 'Someone else is writing the same records; try again.', 503);
end;
$$;
grant execute on function public.record_requests(json) to service_role;
