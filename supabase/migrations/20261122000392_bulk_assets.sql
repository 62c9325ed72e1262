-- Many assets at once: created, changed, archived and restored, all or none of them, or each for itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What of an asset's input is not even of its type; its values are app.asset_errors' business.
create function app.asset_input_errors(p_asset jsonb, p_is_new boolean)
returns jsonb
language sql
stable
parallel safe
set search_path = ''
as $$
    select app.key_errors(
        p_asset,
        '{section,name,description,details,timezone,turnaround_minutes,check_in,check_out,capacity,current_location,primary_photo_url,is_active}',
        case when p_is_new then '{section,name}'::text[] else '{}' end, 'asset'
    ) || coalesce(
        jsonb_agg(
            app.field_error('asset.' || field.key, kind.code, kind.message, kind.params) order by field.key
        )
        filter (where field.is_wrong), '[]'
    )
    from (
        select
            e.key, known.kind,
            case known.kind
                when 'text' then jsonb_typeof(e.value) <> 'string'
                when 'integer' then e.value #>> '{}' !~ '^-?[0-9]{1,9}$' or jsonb_typeof(e.value) <> 'number'
                when 'boolean' then jsonb_typeof(e.value) <> 'boolean'
                when 'time' then e.value #>> '{}' !~ '^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$'
                when 'section' then e.value #>> '{}' <> all (enum_range(null::public.asset_section)::text[])
                else false
            end as is_wrong
        from jsonb_each(case when jsonb_typeof(p_asset) = 'object' then p_asset else '{}' end) e
        join (
            values
                ('section', 'section'), ('name', 'text'), ('description', 'text'), ('timezone', 'text'),
                ('primary_photo_url', 'text'), ('turnaround_minutes', 'integer'), ('capacity', 'integer'),
                ('check_in', 'time'), ('check_out', 'time'), ('is_active', 'boolean')
        ) as known(key, kind) on known.key = e.key
        where jsonb_typeof(e.value) <> 'null'
    ) field
    join (
        values
            ('text', 'string_type', 'Text is expected here.', null),
            ('integer', 'int_type', 'A whole number is expected here.', null),
            ('boolean', 'bool_type', 'True or false is expected here.', null),
            ('time', 'time_format', 'A local time is expected here, such as 15:00.', null),
            (
                'section', 'enum', 'This must be planes, helicopters, residences or watercraft.',
                jsonb_build_object('expected', enum_range(null::public.asset_section))
            )
    ) as kind(name, code, message, params) on kind.name = field.kind
$$;

-- The faults of one operation's own shape.
create function app.operation_errors(p_operation jsonb)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_op text := p_operation ->> 'op';
    v_errors jsonb := app.key_errors(p_operation, case v_op
        when 'create' then '{op,asset}'::text[]
        when 'update' then '{op,id,version,asset}'
        else '{op,id,version}'
    end, case v_op when 'create' then '{op,asset}'::text[] when 'update' then '{op,id,asset}' else '{op,id}' end);
begin
    if jsonb_typeof(p_operation) is distinct from 'object' then
        return v_errors;
    end if;
    if v_op not in ('create', 'update', 'archive', 'restore') then
        return jsonb_build_array(app.field_error(
            'op', 'enum', 'This must be create, update, archive or restore.',
            '{"expected": ["create", "update", "archive", "restore"]}'
        ));
    end if;
    if jsonb_typeof(p_operation -> 'id') <> 'null' and app.parse_uuid(p_operation ->> 'id') is null then
        v_errors := v_errors || app.field_error('id', 'uuid_parsing', 'An id is expected here.');
    end if;
    if jsonb_typeof(p_operation -> 'version') <> 'null' and p_operation ->> 'version' !~ '^[0-9]{1,9}$' then
        v_errors := v_errors || app.field_error('version', 'int_type', 'A whole number is expected here.');
    end if;
    if jsonb_typeof(p_operation -> 'asset') <> 'null' and v_op in ('create', 'update') then
        v_errors := v_errors || app.asset_input_errors(p_operation -> 'asset', v_op = 'create');
        if p_operation -> 'asset' = '{}' and v_op = 'update' then
            v_errors := v_errors || app.field_error('asset', 'missing', 'Name at least one field to change.');
        end if;
    end if;
    return v_errors;
end;
$$;

-- Does one operation and returns the asset as it then is. The columns are named by keys that app.operation_errors knows,
-- so that what is not named keeps its value, or gets the table's own default.
create function app.apply_asset_operation(p_organization_id uuid, p_operation jsonb)
returns public.assets
language plpgsql
set search_path = ''
as $$
declare
    v_op text := p_operation ->> 'op';
    v_columns text;
    v_asset public.assets;
begin
    perform app.fail_fields(app.operation_errors(p_operation));
    select string_agg(quote_ident(k.key), ', ') into v_columns from jsonb_object_keys(p_operation -> 'asset') as k(key);
    if v_op = 'create' then
        execute format(
            'insert into public.assets (organization_id, %1$s)
            select $1, %1$s from jsonb_populate_record(null::public.assets, $2) returning *', v_columns
        ) into v_asset using p_organization_id, p_operation -> 'asset';
        return v_asset;
    end if;

    select a.* into v_asset
    from public.assets a
    where a.id = (p_operation ->> 'id')::uuid and a.organization_id = p_organization_id
        and (a.deleted_at is null or v_op = 'restore')
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
    end if;
    if v_asset.version <> (p_operation ->> 'version')::integer then
        perform app.fail(
            'PRECONDITION_FAILED', 'The asset was changed meanwhile.', 412,
            jsonb_build_object('current', app.asset_json(v_asset) - 'deleted_at')
        );
    end if;
    if v_op = 'update' then
        execute format(
            'update public.assets a set (%1$s) = (
                select %1$s from jsonb_populate_record(null::public.assets, $2)
            ) where a.id = $1 returning a.*', v_columns
        ) into v_asset using v_asset.id, p_operation -> 'asset';
    else
        update public.assets a
        set deleted_at = case when v_op = 'archive' then now() end
        where a.id = v_asset.id
        returning a.* into v_asset;
    end if;
    return v_asset;
end;
$$;

-- An error that app.fail raised, as the result of an operation. Its fields are paths into the operation: those that the
-- table's trigger named lie in `asset`.
create function app.operation_error(p_error jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_details jsonb := (p_error ->> 'details')::jsonb;
begin
    if v_details ? 'fields' then
        v_details := v_details || jsonb_build_object('fields', (
            select jsonb_agg(
                case when f.value ->> 'path' ~ '^(op|id|version|asset)?($|\.)' then f.value
                    else f.value || jsonb_build_object('path', 'asset.' || (f.value ->> 'path')) end
                order by f.ordinality
            )
            from jsonb_array_elements(v_details -> 'fields') with ordinality f
        ));
    end if;
    return jsonb_build_object('code', p_error -> 'code', 'message', p_error -> 'message', 'details', v_details);
end;
$$;

-- The one answer to a bulk of which nothing was done: each fault as a field, and each error as it was.
create function app.fail_operations(p_errors jsonb)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    perform app.fail(
        'VALIDATION_ERROR', 'Nothing was done, because not all of it can be.', 400,
        jsonb_build_object('fields', (
            select jsonb_agg(
                coalesce(f.value, app.field_error('', lower(e.value #>> '{error,code}'), e.value #>> '{error,message}'))
                || jsonb_build_object('path', concat_ws('.', 'operations', e.value ->> 'index', nullif(f.value ->> 'path', '')))
                order by e.ordinality, f.ordinality
            )
            from jsonb_array_elements(p_errors) with ordinality e
            left join lateral jsonb_array_elements(e.value #> '{error,details,fields}') with ordinality f on true
        ), 'errors', p_errors, 'reason', 'operations')
    );
end;
$$;

-- Does up to a hundred operations, for admins and owners, and answers with a result for each. In mode `atomic` one that
-- cannot be done undoes all; in mode `partial` each stands for itself.
create function public.bulk_assets(
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
grant execute on function public.bulk_assets(uuid, text, jsonb, text) to authenticated;
