-- Reading the audit log: pages of it, newest first, and an export of all that is sealed.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The filters of the log. Null is any.
create type app.audit_filter as (
    user_id uuid, action text, resource_type text, resource_id uuid, request_id text, "from" timestamptz, "to" timestamptz
);

create function app.audit_filter_of(
    p_user_id uuid, p_action text, p_resource_type text, p_resource_id uuid, p_request_id text, p_from timestamptz,
    p_to timestamptz
)
returns app.audit_filter
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb;
    v_field record;
begin
    v_errors := app.range_errors(
        coalesce(p_from, '1970-01-01 00:00+00'), coalesce(p_to, '2199-12-31 23:59:59+00'), 'from', 'to'
    );
    for v_field in
        select f.name, f.most
        from (
            values ('action', p_action, 100), ('resource_type', p_resource_type, 100), ('request_id', p_request_id, 128)
        ) as f(name, value, most)
        where length(f.value) > f.most
    loop
        v_errors := v_errors || app.field_error(
            v_field.name, 'string_too_long', format('At most %s characters are allowed.', v_field.most),
            jsonb_build_object('max_length', v_field.most)
        );
    end loop;
    perform app.fail_fields(v_errors);
    return row(p_user_id, p_action, p_resource_type, p_resource_id, p_request_id, p_from, p_to);
end;
$$;

-- Without a SET clause, so that queries see through it to the indexes.
create function app.audit_matches(p_entry public.audit_logs, p_filter app.audit_filter)
returns boolean
language sql
stable
as $$
    select (p_filter.user_id is null or p_entry.user_id = p_filter.user_id)
        and (p_filter.action is null or p_entry.action = p_filter.action)
        and (p_filter.resource_type is null or p_entry.resource_type = p_filter.resource_type)
        and (p_filter.resource_id is null or p_entry.resource_id = p_filter.resource_id)
        and (p_filter.request_id is null or p_entry.metadata ->> 'request_id' = p_filter.request_id)
        and (p_filter."from" is null or p_entry.created_at >= p_filter."from")
        and (p_filter."to" is null or p_entry.created_at < p_filter."to")
$$;

-- Where a page ended: microseconds since 1970 and the id, as 48 hexadecimal digits.
create function app.audit_cursor(p_created_at timestamptz, p_id uuid)
returns text
language sql
stable
set search_path = ''
as $$
    select lpad(to_hex((extract(epoch from p_created_at) * 1000000)::bigint), 16, '0') || replace(p_id::text, '-', '')
$$;

create function app.audit_json(p_entry public.audit_logs)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_entry) || jsonb_build_object(
        'created_at', app.utc(p_entry.created_at), 'ip_address', abbrev(p_entry.ip_address),
        'chain', (
            select jsonb_build_object('position', c.position, 'hash', encode(c.hash, 'hex'), 'sealed_at', app.utc(c.sealed_at))
            from app.audit_chain c
            where c.entry_id = p_entry.id
        )
    )
$$;

-- {items, next_cursor}: an organisation's entries, newest first, for admins and owners with their second factor. Planned
-- for each call, because most filters are absent from most of them.
create function public.list_audit_logs(
    p_organization_id uuid, p_user_id uuid default null, p_action text default null, p_resource_type text default null,
    p_resource_id uuid default null, p_request_id text default null, p_from timestamptz default null,
    p_to timestamptz default null, p_cursor text default null, p_limit integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
    v_filter app.audit_filter;
    -- Beyond all that the table can hold.
    v_before timestamptz := '2200-01-01 00:00+00';
    v_before_id uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_filter := app.audit_filter_of(p_user_id, p_action, p_resource_type, p_resource_id, p_request_id, p_from, p_to);
    if p_limit is null or p_limit not between 1 and 100 then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'limit', 'out_of_range', 'This must be between 1 and 100.', '{"min": 1, "max": 100}'
        )));
    end if;
    if p_cursor is not null then
        if p_cursor !~ '^00[0-9a-f]{46}$' then
            perform app.fail_fields(jsonb_build_array(app.field_error(
                'cursor', 'value_error', 'This is not a cursor that was given.', '{"format": "cursor"}'
            )));
        end if;
        v_before := '1970-01-01 00:00+00'::timestamptz
            + ('x' || substr(p_cursor, 1, 16))::bit(64)::bigint * interval '1 microsecond';
        v_before_id := substr(p_cursor, 17)::uuid;
    end if;

    return (
        with page as materialized (
            select l as entry, l.created_at, l.id, row_number() over (order by l.created_at desc, l.id desc) as place
            from public.audit_logs l
            where l.organization_id = p_organization_id
                and (l.created_at, l.id) < (v_before, v_before_id)
                and app.audit_matches(l, v_filter)
            order by l.created_at desc, l.id desc
            limit p_limit + 1
        )
        select jsonb_build_object(
            'items', coalesce(
                jsonb_agg(app.audit_json(p.entry) order by p.place) filter (where p.place <= p_limit), '[]'
            ),
            'next_cursor', case when count(*) > p_limit then
                max(app.audit_cursor(p.created_at, p.id)) filter (where p.place = p_limit)
            end
        )
        from page p
    );
end;
$$;
grant execute on function public.list_audit_logs(
    uuid, uuid, text, text, uuid, text, timestamptz, timestamptz, text, integer
) to authenticated;

-- An entry as the cells of a table, with its link before it: the very texts that the hashes cover. Null is null.
create function app.audit_cells(p_link app.audit_chain, p_entry public.audit_logs)
returns text[]
language sql
stable
set search_path = ''
as $$
    select array[
        p_link.position::text, encode(p_link.hash, 'hex'), encode(p_link.previous_hash, 'hex'), app.utc(p_link.sealed_at),
        p_entry.id::text, app.utc(p_entry.created_at), p_entry.user_id::text, p_entry.organization_id::text, p_entry.action,
        p_entry.resource_type, p_entry.resource_id::text, abbrev(p_entry.ip_address), p_entry.user_agent,
        p_entry.request_method, p_entry.request_path, p_entry.request_body::text, p_entry.response_status::text,
        p_entry.error_message, p_entry.duration_ms::text, p_entry.metadata::text
    ]
$$;

-- Begins an export: an entry says so, and what is committed by now is sealed, that entry too and last. Its position is
-- where the export ends, so that what is written meanwhile neither prolongs it nor leaves a hole in it.
create function app.begin_audit_export(p_organization_id uuid, p_filter app.audit_filter)
returns uuid
language plpgsql
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    -- As many as are sealed within the time that a call has.
    c_most constant integer := 20000;
    v_export_id uuid := app.append_audit(
        p_organization_id, 'export', 'audit_logs', null,
        jsonb_build_object('source', 'audit', 'filter', to_jsonb(p_filter))
    );
begin
    perform app.seal_chain(app.chain_of(p_organization_id), c_most, true);
    return v_export_id;
exception
    when lock_not_available then
        perform app.fail('SERVICE_UNAVAILABLE', 'The log is being sealed; try again.', 503);
end;
$$;

-- A part of an export, for admins and owners with their second factor: {export_id, rows, next}; the call with `next` as
-- p_after and the export's id goes on, until `next` is null. Each looks at 20,000 links at most, and answers a thousand
-- rows or two megabytes at most, whatever the filter. Sealed entries only, in the order of the chain.
create function public.export_audit_logs(
    p_organization_id uuid, p_user_id uuid default null, p_action text default null, p_resource_type text default null,
    p_resource_id uuid default null, p_request_id text default null, p_from timestamptz default null,
    p_to timestamptz default null, p_export_id uuid default null, p_after bigint default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
    c_links constant integer := 20000;
    c_rows constant integer := 1000;
    c_bytes constant integer := 2000000;
    v_filter app.audit_filter;
    v_export_id uuid := p_export_id;
    v_last bigint;
    v_until bigint;
    v_rows jsonb;
    v_found integer;
    v_answered bigint;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_filter := app.audit_filter_of(p_user_id, p_action, p_resource_type, p_resource_id, p_request_id, p_from, p_to);
    if v_export_id is null then
        v_export_id := app.begin_audit_export(p_organization_id, v_filter);
    end if;
    -- Nobody goes on with what they have not begun, nor with other filters than those that were recorded. Its own entry is
    -- not there where sealing is far behind, or the chain is broken: then it ends with what is.
    select coalesce(
        (select c.position from app.audit_chain c where c.entry_id = l.id),
        (select max(c.position) from app.audit_chain c where c.chain_id = app.chain_of(p_organization_id)),
        0
    ) into v_last
    from public.audit_logs l
    where l.id = v_export_id and l.organization_id = p_organization_id and l.user_id = auth.uid()
        and l.action = 'export' and l.metadata ->> 'source' = 'audit' and l.metadata -> 'filter' = to_jsonb(v_filter)
        and l.created_at > now() - interval '1 hour';
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such export.', 404);
    end if;
    v_until := least(p_after + c_links, v_last);

    with matching as (
        select c.position, app.audit_cells(c, l) as cells
        from app.audit_chain c
        join public.audit_logs l on l.id = c.entry_id
        where c.chain_id = app.chain_of(p_organization_id) and c.position > p_after and c.position <= v_until
            and app.audit_matches(l, v_filter)
        order by c.position
        limit c_rows
    ), sized as materialized (
        select
            m.position, m.cells, sum(octet_length(m.cells::text)) over (order by m.position) as bytes,
            row_number() over (order by m.position) as place
        from matching m
    )
    select
        coalesce(jsonb_agg(to_jsonb(s.cells) order by s.position) filter (where s.bytes <= c_bytes or s.place = 1), '[]'),
        max(s.position) filter (where s.bytes <= c_bytes or s.place = 1),
        count(*)
    into v_rows, v_answered, v_found
    from sized s;
    if v_found = c_rows or v_found > jsonb_array_length(v_rows) then
        v_until := v_answered;
    end if;
    return jsonb_build_object(
        'export_id', v_export_id, 'rows', v_rows, 'next', case when v_until < v_last then v_until end
    );
end;
$$;
grant execute on function public.export_audit_logs(
    uuid, uuid, text, text, uuid, text, timestamptz, timestamptz, uuid, bigint
) to authenticated;
