-- What the fields of directly written tables may hold, said once: for functions, which tell all faults at once, and for
-- triggers, so that a direct write is refused in the same words and not by the name of a constraint.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- minimum and maximum bound numbers, the length of texts and lists. Of choices, lists hold each at most once.
create function app.known_fields(p_subject text)
returns table (
    key text, kind text, is_required boolean, minimum bigint, maximum bigint, pattern text, choices text[], example text
)
language sql
stable
parallel safe
set search_path = ''
as $$
    select f.key, f.kind, f.is_required, f.minimum, f.maximum, f.pattern, c.choices, f.example
    from (
        values
            ('profile', 'first_name', 'text', false, 1, 100, null, null, null),
            ('profile', 'last_name', 'text', false, 1, 100, null, null, null),
            ('profile', 'phone', 'text', false, 1, 16, '^\+[1-9][0-9]{6,14}$', null, 'a phone number in E.164 form, such as +50761234567'),
            ('profile', 'avatar_url', 'text', false, 1, 2048, '^https?://', null, 'an http or https address'),
            ('profile', 'timezone', 'time_zone', true, 1, 100, null, null, null),
            ('profile', 'locale', 'choice', true, null, null, null, '{en,es}', null),
            ('tier', 'name', 'text', true, 1, 100, null, null, null),
            ('tier', 'priority', 'integer', true, 0, 2147483647, null, null, null),
            ('tier', 'color', 'text', false, 1, 7, '^#[0-9a-fA-F]{6}$', null, 'a color such as #0f766e'),
            ('tier', 'description', 'text', false, 1, 2000, null, null, null),
            ('tier', 'can_override', 'boolean', true, null, null, null, null, null),
            ('tier', 'is_default', 'boolean', true, null, null, null, null, null),
            ('tier', 'sections', 'choices', false, 0, 4, null, enum_range(null::public.asset_section)::text, null),
            ('limits', 'max_days_per_month', 'integer', false, 0, 31, null, null, null),
            ('limits', 'max_consecutive_days', 'integer', false, 1, 366, null, null, null),
            ('limits', 'min_lead_time_hours', 'integer', false, 0, 8784, null, null, null),
            ('limits', 'max_advance_days', 'integer', false, 0, 3660, null, null, null),
            ('limits', 'min_cancellation_notice_hours', 'integer', false, 0, 8784, null, null, null),
            ('limits', 'requires_approval', 'boolean', true, null, null, null, null, null),
            ('rule', 'name', 'text', true, 1, 200, null, null, null),
            ('rule', 'description', 'text', false, 1, 2000, null, null, null),
            ('rule', 'tier_id', 'id', false, null, null, null, null, null),
            ('rule', 'rule_type', 'choice', true, null, null, null, enum_range(null::public.rule_type)::text, null),
            -- Their keys are the type's: app.condition_errors.
            ('rule', 'conditions', 'object', true, null, 16384, null, null, null),
            ('rule', 'effect', 'choice', true, null, null, null, enum_range(null::public.rule_effect)::text, null),
            ('rule', 'priority', 'integer', true, 0, 1000000, null, null, null),
            ('rule', 'is_override', 'boolean', true, null, null, null, null, null),
            ('rule', 'overridable_by', 'choices', true, 0, 5, null, enum_range(null::public.member_role)::text, null),
            ('rule', 'is_active', 'boolean', true, null, null, null, null, null),
            ('rule', 'approval_type', 'choice', true, null, null, null, enum_range(null::public.rule_approval_type)::text, null),
            ('rule', 'approver_tier_id', 'id', false, null, null, null, null, null),
            ('rule', 'approver_user_ids', 'ids', false, 1, 50, null, null, null),
            ('rule', 'quorum', 'integer', false, 1, 50, null, null, null),
            ('rule', 'timeout_hours', 'integer', true, 1, 8784, null, null, null),
            ('blackout', 'tier_id', 'id', false, null, null, null, null, null),
            ('blackout', 'asset_id', 'id', false, null, null, null, null, null),
            ('blackout', 'start_date', 'date', true, null, null, null, null, null),
            ('blackout', 'end_date', 'date', true, null, null, null, null, null),
            ('blackout', 'reason', 'text', false, 1, 500, null, null, null),
            ('holiday', 'name', 'text', true, 1, 200, null, null, null),
            ('holiday', 'name_es', 'text', false, 1, 200, null, null, null),
            ('holiday', 'month_day', 'text', false, 1, 5, '^(02-(0[1-9]|[12][0-9])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))$', null, 'a day of the year as MM-DD'),
            ('holiday', 'easter_offset', 'integer', false, -100, 200, null, null, null),
            ('holiday', 'date', 'date', false, null, null, null, null, null)
    ) as f(subject, key, kind, is_required, minimum, maximum, pattern, choices_text, example)
    cross join lateral (select f.choices_text::text[] as choices) c
    where f.subject = p_subject
$$;

-- The fault of one value that is there; null where it has none.
create function app.value_error(
    p_path text, p_value jsonb, p_kind text, p_least bigint, p_most bigint, p_pattern text, p_choices text[], p_example text
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_text text := p_value #>> '{}';
    v_type text := jsonb_typeof(p_value);
begin
    if p_kind in ('text', 'time_zone', 'choice', 'id', 'date') and v_type <> 'string' then
        return app.field_error(p_path, 'string_type', 'Text is expected here.');
    elsif p_kind in ('choices', 'ids') and v_type <> 'array' then
        return app.field_error(p_path, 'list_type', 'A list is expected here.');
    end if;
    case p_kind
        when 'text' then
            if v_text !~ '\S' then
                return app.field_error(p_path, 'string_too_short', 'This must not be blank.', '{"min_length": 1}');
            elsif length(v_text) > p_most then
                return app.field_error(
                    p_path, 'string_too_long', format('At most %s characters are allowed.', p_most),
                    jsonb_build_object('max_length', p_most)
                );
            elsif v_text !~ p_pattern then
                return app.field_error(
                    p_path, 'value_error', format('This must be %s.', p_example),
                    jsonb_build_object('format', replace(substring(p_path from '[^.]*$'), 'avatar_', ''))
                );
            end if;
        when 'time_zone' then
            if not app.is_time_zone(v_text) then
                return app.field_error(
                    p_path, 'value_error', 'This must be the name of an IANA time zone.', '{"format": "time_zone"}'
                );
            end if;
        when 'boolean' then
            if v_type <> 'boolean' then
                return app.field_error(p_path, 'bool_type', 'True or false is expected here.');
            end if;
        when 'integer' then
            -- Not 7.0 either, which no integer column reads.
            if v_type <> 'number' or v_text !~ '^-?[0-9]+$' then
                return app.field_error(p_path, 'int_type', 'A whole number is expected here.');
            elsif v_text::numeric not between p_least and p_most then
                return app.field_error(
                    p_path, 'out_of_range', format('This must be between %s and %s.', p_least, p_most),
                    jsonb_build_object('min', p_least, 'max', p_most)
                );
            end if;
        when 'choice' then
            if v_text <> all (p_choices) then
                return app.field_error(
                    p_path, 'literal_error', format('This must be one of: %s.', array_to_string(p_choices, ', ')),
                    jsonb_build_object('expected', p_choices)
                );
            end if;
        when 'choices' then
            if exists (select from jsonb_array_elements(p_value) e where jsonb_typeof(e) <> 'string' or e #>> '{}' <> all (p_choices)) then
                return app.field_error(
                    p_path, 'literal_error', format('Each must be one of: %s.', array_to_string(p_choices, ', ')),
                    jsonb_build_object('expected', p_choices)
                );
            elsif (select count(*) > count(distinct e) from jsonb_array_elements(p_value) e) then
                return app.field_error(p_path, 'repeated', 'Each may be named once only.');
            end if;
        when 'id' then
            if app.parse_uuid(v_text) is null then
                return app.field_error(p_path, 'uuid_parsing', 'An id is expected here.');
            end if;
        when 'ids' then
            if app.id_list(p_value) is null then
                return app.field_error(p_path, 'list_type', 'A list of ids is expected here.');
            elsif jsonb_array_length(p_value) not between p_least and p_most then
                return app.field_error(
                    p_path, 'out_of_range', format('Between %s and %s are expected here.', p_least, p_most),
                    jsonb_build_object('min', p_least, 'max', p_most)
                );
            end if;
        when 'date' then
            if app.parse_date(v_text) is null then
                return app.field_error(p_path, 'date_parsing', 'A date as YYYY-MM-DD is expected here.');
            end if;
        when 'object' then
            if v_type <> 'object' then
                return app.field_error(p_path, 'dict_type', 'An object is expected here.');
            elsif octet_length(p_value::text) > p_most then
                return app.field_error(
                    p_path, 'too_large', format('At most %s bytes are allowed.', p_most),
                    jsonb_build_object('max_bytes', p_most)
                );
            end if;
    end case;
    return null;
end;
$$;

-- All faults of an object's values at once. Not of its keys: those that are not known are app.key_errors' matter.
create function app.value_errors(p_subject text, p_object jsonb, p_path text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(fault.found order by f.key) filter (where fault.found is not null), '[]')
        from app.known_fields(p_subject) f
        cross join lateral (
            select case
                when coalesce(jsonb_typeof(p_object -> f.key), 'null') <> 'null' then app.value_error(
                    concat_ws('.', p_path, f.key), p_object -> f.key, f.kind, f.minimum, f.maximum, f.pattern, f.choices,
                    f.example
                )
                when f.is_required then
                    app.field_error(concat_ws('.', p_path, f.key), 'missing', 'This field is required.')
            end as found
        ) fault
    );
end;
$$;

-- The faults of values that are good one by one and do not go together.
create function app.whole_errors(p_subject text, p_object jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_subject = 'blackout' and app.parse_date(p_object ->> 'end_date') < app.parse_date(p_object ->> 'start_date') then
        return jsonb_build_array(app.field_error('end_date', 'range_order', 'The end must not come before the beginning.'));
    elsif p_subject = 'holiday'
        and num_nonnulls(p_object ->> 'month_day', p_object ->> 'easter_offset', p_object ->> 'date') <> 1
    then
        return jsonb_build_array(app.field_error(
            'date', 'one_of', 'Give exactly one of month_day, easter_offset and date.'
        ));
    end if;
    return '[]';
end;
$$;

-- What a row becomes by an input: p_base (its present fields, or the defaults of a new one) with the input's values.
-- Raises all faults at once; p_extra are keys that the caller looks after, whose faults it hands in.
create function app.checked_input(
    p_subject text, p_base jsonb, p_input jsonb, p_extra text[] default '{}', p_faults jsonb default '[]'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_keys text[] := array(select f.key from app.known_fields(p_subject) f);
    v_errors jsonb := app.key_errors(p_input, v_keys || p_extra);
begin
    if jsonb_typeof(p_input) = 'object' then
        v_errors := v_errors || app.value_errors(p_subject, p_base || p_input)
            || app.whole_errors(p_subject, p_base || p_input);
    end if;
    perform app.fail_fields(v_errors || p_faults);
    return p_base || p_input;
end;
$$;

-- Trigger: a direct write is refused in the words of its fields. Before the row, so ahead of the table's constraints; it
-- tells nothing but of what the caller wrote. The argument is the subject.
create function app.check_fields()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_new jsonb := to_jsonb(new);
    v_old jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) else '{}' end;
begin
    if tg_op = 'INSERT' or v_new <> v_old then
        perform app.fail_fields((
            select jsonb_agg(e.fault)
            from jsonb_array_elements(app.value_errors(tg_argv[0], v_new)) as e(fault)
            -- What stands already is not in the way of a change of something else.
            where v_new -> (e.fault ->> 'path') is distinct from v_old -> (e.fault ->> 'path')
        ));
        perform app.fail_fields(app.whole_errors(tg_argv[0], v_new));
    end if;
    return new;
end;
$$;
-- Not of profiles that are made at sign-up, which must not fail: app.profile_new_user leaves out what does not fit.
create trigger fields_are_valid before update of first_name, last_name, phone, avatar_url, timezone, locale
    on public.profiles for each row execute function app.check_fields('profile');
create trigger fields_are_valid before insert or update on public.tiers
    for each row execute function app.check_fields('tier');
create trigger fields_are_valid before insert or update on public.tier_rules
    for each row execute function app.check_fields('limits');
create trigger fields_are_valid before insert or update on public.tier_booking_rules
    for each row execute function app.check_fields('rule');
create trigger fields_are_valid before insert or update on public.blackout_dates
    for each row execute function app.check_fields('blackout');
create trigger fields_are_valid before insert or update on public.holidays
    for each row execute function app.check_fields('holiday');

-- Raises 412 where the version is not the one that the caller knows. Under the row's lock.
create function app.require_version(p_version integer, p_expected_version integer, p_current jsonb)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'It was changed meanwhile.', 412, jsonb_build_object('current', p_current)
        );
    end if;
end;
$$;
