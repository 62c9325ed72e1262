-- Takes back 20261122000398_field_params.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- As 20261122000110_profiles.sql made it.
create or replace function app.check_time_zone()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not app.is_time_zone(new.timezone) then
        perform app.fail_fields(jsonb_build_array(
            app.field_error('timezone', 'value_error', 'This must be the name of an IANA time zone.')
        ));
    end if;
    return null;
end;
$$;

-- As 20261122000150_assets.sql made it.
create or replace function app.limit_photos()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform from public.assets a where a.id = new.asset_id for no key update;
    if (select count(*) from public.asset_photos p where p.asset_id = new.asset_id) > 20 then
        perform app.fail_fields(jsonb_build_array(
            app.field_error('photos', 'too_long', 'An asset has at most 20 photos.')
        ));
    end if;
    return null;
end;
$$;

-- As 20261122000160_accounts.sql made it.
create or replace function app.organization_errors(p_input jsonb, p_allowed text[], p_required text[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := app.key_errors(p_input, p_allowed, p_required);
    v_field record;
begin
    if jsonb_typeof(p_input) is distinct from 'object' then
        return v_errors;
    end if;
    for v_field in
        select *
        from (
            values
                ('legal_name', 200, null, null),
                ('commercial_name', 200, null, null),
                ('ruc', 50, null, null),
                ('dv', 4, null, null),
                ('billing_email', 320, '^[^@\s]+@[^@\s]+\.[^@\s]+$', 'This must be an email address.'),
                ('phone', 16, '^\+[1-9][0-9]{6,14}$', 'This must be a phone number in E.164 form, such as +50761234567.'),
                ('logo_url', 2048, '^https?://', 'This must be an http or https address.'),
                ('timezone', 100, null, null)
        ) as known(key, max_length, pattern, message)
    loop
        v_errors := v_errors || app.text_errors(p_input, v_field.key, v_field.max_length);
        if jsonb_typeof(p_input -> v_field.key) = 'string' and not (p_input ->> v_field.key) ~ v_field.pattern then
            v_errors := v_errors || app.field_error(v_field.key, 'value_error', v_field.message);
        end if;
    end loop;
    if jsonb_typeof(p_input -> 'timezone') = 'string' and not app.is_time_zone(p_input ->> 'timezone') then
        v_errors := v_errors || app.field_error(
            'timezone', 'value_error', 'This must be the name of an IANA time zone.'
        );
    end if;
    if jsonb_typeof(p_input -> 'require_mfa') <> 'boolean' then
        v_errors := v_errors || app.field_error('require_mfa', 'bool_type', 'True or false is expected here.');
    end if;
    if coalesce(jsonb_typeof(p_input -> 'address'), 'null') <> 'null' then
        v_errors := v_errors || app.address_errors(p_input -> 'address');
    end if;
    return v_errors;
end;
$$;

-- As 20261122000240_idempotency.sql made it.
create or replace function app.claim_idempotency_key(p_route text, p_key text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_hash bytea := sha256(convert_to(p_request::text, 'UTF8'));
    v_known app.idempotency_keys;
begin
    if p_key is null then
        return null;
    end if;
    if p_key = '' or length(p_key) > 255 then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'idempotency_key', 'value_error', 'An idempotency key has 1 to 255 characters.'
        )));
    end if;
    insert into app.idempotency_keys as k (user_id, route, key, request_hash)
    values (auth.uid(), p_route, p_key, v_hash)
    on conflict (user_id, route, key) do update
        set request_hash = excluded.request_hash, response = null, created_at = now()
        where k.created_at < now() - interval '24 hours'
    returning * into v_known;
    if found then
        -- One's own answers of yesterday go as one writes; those that another request holds are left to it.
        delete from app.idempotency_keys k
        using (
            select o.route, o.key from app.idempotency_keys o
            where o.user_id = auth.uid() and o.created_at < now() - interval '24 hours'
            for update skip locked
        ) old
        where k.user_id = auth.uid() and k.route = old.route and k.key = old.key;
        return null;
    end if;
    select * into v_known
    from app.idempotency_keys k
    where k.user_id = auth.uid() and k.route = p_route and k.key = p_key;
    if v_known.request_hash <> v_hash then
        perform app.fail(
            'IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another request.', 422
        );
    end if;
    return v_known.response;
end;
$$;

-- As 20261122000250_booking_checks.sql made it.
create or replace function app.guest_errors(p_guests jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_guest record;
    v_path text;
begin
    if coalesce(jsonb_typeof(p_guests), 'null') = 'null' then
        return '[]';
    elsif jsonb_typeof(p_guests) <> 'array' then
        return jsonb_build_array(app.field_error('guests', 'list_type', 'A list is expected here.'));
    elsif jsonb_array_length(p_guests) > 50 then
        return jsonb_build_array(app.field_error('guests', 'too_long', 'At most 50 guests are allowed.'));
    end if;
    for v_guest in select g.value, g.ordinality - 1 as place from jsonb_array_elements(p_guests) with ordinality as g loop
        v_path := 'guests.' || v_guest.place;
        v_errors := v_errors || app.key_errors(v_guest.value, '{name,email}', '{name}', v_path);
        if jsonb_typeof(v_guest.value) = 'object' then
            v_errors := v_errors || app.text_errors(v_guest.value, 'name', 100, v_path)
                || app.text_errors(v_guest.value, 'email', 254, v_path);
            if v_guest.value ->> 'email' !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
                v_errors := v_errors || app.field_error(v_path || '.email', 'value_error', 'This is no email address.');
            end if;
        end if;
    end loop;
    return v_errors;
end;
$$;

-- As 20261122000250_booking_checks.sql made it.
create or replace function app.booking_errors(
    p_title text, p_start timestamptz, p_end timestamptz, p_guest_count integer, p_notes text, p_metadata jsonb,
    p_guests jsonb, p_capacity integer, p_earliest timestamptz
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_texts jsonb := jsonb_build_object('title', p_title, 'notes', nullif(btrim(p_notes), ''));
    v_errors jsonb := app.key_errors(v_texts, '{title,notes}', '{title}') || app.text_errors(v_texts, 'title', 200)
        || app.text_errors(v_texts, 'notes', 2000);
    v_range_errors jsonb := app.range_errors(p_start, p_end);
    v_people integer := greatest(
        p_guest_count, case when jsonb_typeof(p_guests) = 'array' then jsonb_array_length(p_guests) end
    );
begin
    v_errors := v_errors || v_range_errors;
    if v_range_errors = '[]' then
        if p_start < p_earliest then
            v_errors := v_errors || app.field_error('start_date', 'datetime_future', 'A booking cannot begin in the past.');
        elsif p_end <= now() then
            v_errors := v_errors || app.field_error('end_date', 'datetime_future', 'A booking cannot end in the past.');
        end if;
        if p_end - p_start < interval '1 minute' then
            v_errors := v_errors || app.field_error('end_date', 'range_too_short', 'A booking takes a minute at least.');
        elsif p_end - p_start > interval '366 days' then
            v_errors := v_errors || app.field_error('end_date', 'range_too_long', 'A booking takes 366 days at most.');
        end if;
    end if;
    if p_guest_count not between 0 and 10000 then
        v_errors := v_errors || app.field_error('guest_count', 'out_of_range', 'This must be between 0 and 10000.');
    elsif v_people > p_capacity then
        v_errors := v_errors || app.field_error(
            'guest_count', 'over_capacity', format('The asset takes %s people at most.', p_capacity)
        );
    end if;
    if coalesce(jsonb_typeof(p_metadata), 'null') not in ('object', 'null') then
        v_errors := v_errors || app.field_error('metadata', 'dict_type', 'An object is expected here.');
    elsif octet_length(p_metadata::text) > 16384 then
        v_errors := v_errors || app.field_error('metadata', 'too_long', 'At most 16 KB are allowed.');
    end if;
    return v_errors || app.guest_errors(p_guests);
end;
$$;
