-- What a rule must be. Validated by triggers after the fact, so that row level security has spoken first and strangers
-- learn nothing of tiers, assets and people; whoever writes rules by a function gets the same words.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The fields of each type's conditions; what is not here is refused. at_least and at_most are the bounds of numbers, and
-- of how many ids a list may hold.
create function app.condition_fields(p_type public.rule_type)
returns table (key text, kind text, is_required boolean, at_least numeric, at_most numeric, choices text[])
language sql
immutable
parallel safe
set search_path = ''
as $$
    select f.key, f.kind, f.is_required, f.at_least, f.at_most, f.choices::text[]
    from (
        values
            ('date_range', 'start_month_day', 'month_day', false, null, null, null),
            ('date_range', 'end_month_day', 'month_day', false, null, null, null),
            ('date_range', 'start_date', 'date', false, null, null, null),
            ('date_range', 'end_date', 'date', false, null, null, null),
            ('holiday', 'holiday_ids', 'ids', true, 1, 100, null),
            ('holiday', 'days_before', 'integer', false, 0, 60, null),
            ('holiday', 'days_after', 'integer', false, 0, 60, null),
            ('lead_time', 'min_hours', 'integer', true, 1, 8784, null),
            ('advance_window', 'max_days', 'integer', true, 0, 3660, null),
            ('duration', 'min_minutes', 'integer', false, 1, 527040, null),
            ('duration', 'max_minutes', 'integer', false, 1, 527040, null),
            ('duration', 'max_nights', 'integer', false, 0, 366, null),
            ('max_consecutive_days', 'max', 'integer', true, 1, 366, null),
            ('max_consecutive_days', 'gap_days', 'integer', false, 0, 366, null),
            ('quota', 'amount', 'number', true, 0, 100000, null),
            ('quota', 'unit', 'choice', true, null, null, '{days,nights,hours,count}'),
            ('quota', 'period', 'choice', true, null, null, '{day,week,month,year,rolling_365}'),
            ('quota', 'scope', 'choice', true, null, null, '{asset,section,organization}'),
            ('consecutive_booking', 'count', 'integer', true, 2, 366, null),
            ('consecutive_booking', 'unit', 'choice', true, null, null, '{weekends,days}'),
            ('concurrent_booking', 'max_assets', 'integer', true, 1, 1000, null),
            ('max_open', 'max', 'integer', true, 0, 10000, null),
            ('max_open', 'exempt_within_days', 'integer', false, 0, 3660, null),
            ('custom', 'description', 'text', true, null, 2000, null)
    ) as f(rule_type, key, kind, is_required, at_least, at_most, choices)
    where f.rule_type = p_type::text
$$;

-- YYYY-MM-DD within the years that bookings may have, or null.
create function app.parse_date(p_text text)
returns date
language plpgsql
immutable
set search_path = ''
as $$
begin
    if p_text ~ '^(19[7-9]\d|20\d\d|21\d\d)-\d\d-\d\d$' then
        return make_date(left(p_text, 4)::integer, substr(p_text, 6, 2)::integer, right(p_text, 2)::integer);
    end if;
    return null;
exception
    when datetime_field_overflow then
        return null;
end;
$$;

-- The ids of a json list of them; null where it is none.
create function app.id_list(p_ids jsonb)
returns uuid[]
language plpgsql
immutable
set search_path = ''
as $$
begin
    if jsonb_typeof(p_ids) is distinct from 'array' or exists (
        select from jsonb_array_elements(p_ids) as e(id)
        where jsonb_typeof(e.id) <> 'string' or e.id #>> '{}' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    ) then
        return null;
    end if;
    return array(select e.id::uuid from jsonb_array_elements_text(p_ids) with ordinality as e(id, place) order by e.place);
end;
$$;

-- The fault of one condition that is there: its type, its bounds, its words.
create function app.condition_error(
    p_path text, p_value jsonb, p_kind text, p_least numeric, p_most numeric, p_choices text[]
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_text text := p_value #>> '{}';
begin
    if p_kind in ('integer', 'number') then
        if jsonb_typeof(p_value) <> 'number' then
            return app.field_error(p_path, p_kind || '_type', 'A number is expected here.');
        elsif p_kind = 'integer' and v_text::numeric <> trunc(v_text::numeric) then
            return app.field_error(p_path, 'integer_type', 'A whole number is expected here.');
        elsif v_text::numeric not between p_least and p_most then
            return app.field_error(
                p_path, 'out_of_range', format('This must be between %s and %s.', p_least, p_most),
                jsonb_build_object('min', p_least, 'max', p_most)
            );
        end if;
    elsif p_kind = 'choice' and (jsonb_typeof(p_value) <> 'string' or v_text <> all (p_choices)) then
        return app.field_error(
            p_path, 'enum', format('This must be one of: %s.', array_to_string(p_choices, ', ')),
            jsonb_build_object('expected', p_choices)
        );
    elsif p_kind = 'month_day' and (
        jsonb_typeof(p_value) <> 'string' or v_text !~ '^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$'
        or v_text ~ '^(02-3|(0[469]|11)-31)'
    ) then
        return app.field_error(p_path, 'month_day', 'A day of the year as MM-DD is expected here.');
    elsif p_kind = 'date' and (jsonb_typeof(p_value) <> 'string' or app.parse_date(v_text) is null) then
        return app.field_error(p_path, 'date_parsing', 'A date as YYYY-MM-DD is expected here.');
    elsif p_kind = 'ids' and app.id_list(p_value) is null then
        return app.field_error(p_path, 'list_type', 'A list of ids is expected here.');
    elsif p_kind = 'ids' and jsonb_array_length(p_value) not between p_least and p_most then
        return app.field_error(
            p_path, 'out_of_range', format('Between %s and %s ids are expected here.', p_least, p_most),
            jsonb_build_object('min', p_least, 'max', p_most)
        );
    end if;
    return null;
end;
$$;

-- What of a date range's conditions does not go together: one pair is to be given, and dated ranges have an order.
create function app.date_range_errors(p_conditions jsonb, p_path text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_given jsonb := jsonb_strip_nulls(p_conditions);
    v_yearly boolean := v_given ?| '{start_month_day,end_month_day}';
    v_dated boolean := v_given ?| '{start_date,end_date}';
begin
    if v_yearly = v_dated then
        return jsonb_build_array(app.field_error(
            p_path, 'one_pair', 'Give either start_month_day and end_month_day, or start_date and end_date.'
        ));
    elsif v_yearly then
        return app.key_errors(
            v_given, '{start_month_day,end_month_day}', '{start_month_day,end_month_day}', p_path
        );
    end if;
    return app.key_errors(v_given, '{start_date,end_date}', '{start_date,end_date}', p_path)
        || case when app.parse_date(v_given ->> 'start_date') > app.parse_date(v_given ->> 'end_date')
            then app.field_error(p_path || '.end_date', 'range_order', 'The end must not come before the beginning.')
            else '[]' end;
end;
$$;

-- All faults of the conditions of a rule of that type and organisation, at once.
create function app.condition_errors(
    p_type public.rule_type, p_conditions jsonb, p_organization_id uuid, p_path text default 'conditions'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_fields text[] := array(select f.key from app.condition_fields(p_type) f);
    v_known jsonb;
    v_errors jsonb := app.key_errors(
        p_conditions, v_fields, array(select f.key from app.condition_fields(p_type) f where f.is_required), p_path
    );
begin
    if jsonb_typeof(p_conditions) is distinct from 'object' then
        return v_errors;
    end if;
    v_known := (
        select coalesce(jsonb_object_agg(e.key, e.value), '{}')
        from jsonb_each(p_conditions) e
        where e.key = any (v_fields) and jsonb_typeof(e.value) <> 'null'
    );
    v_errors := v_errors || (
        select coalesce(jsonb_agg(fault.found order by f.key) filter (where fault.found is not null), '[]')
        from app.condition_fields(p_type) f
        cross join lateral app.condition_error(
            p_path || '.' || f.key, v_known -> f.key, f.kind, f.at_least, f.at_most, f.choices
        ) as fault(found)
        where v_known ? f.key
    );
    if p_type = 'date_range' then
        return v_errors || app.date_range_errors(v_known, p_path);
    elsif p_type = 'custom' then
        return v_errors || app.text_errors(v_known, 'description', 2000, p_path);
    elsif p_type = 'duration' and v_known = '{}' then
        return v_errors || app.field_error(
            p_path, 'missing', 'Give min_minutes, max_minutes or max_nights.',
            '{"one_of": ["min_minutes", "max_minutes", "max_nights"]}'
        );
    elsif v_errors <> '[]' then
        return v_errors;
    elsif p_type = 'duration' and (v_known ->> 'min_minutes')::numeric > (v_known ->> 'max_minutes')::numeric then
        return jsonb_build_array(app.field_error(
            p_path || '.max_minutes', 'range_order', 'The longest must not be shorter than the shortest.'
        ));
    elsif p_type = 'quota' and v_known ->> 'unit' <> 'hours'
        and (v_known ->> 'amount')::numeric <> trunc((v_known ->> 'amount')::numeric)
    then
        return jsonb_build_array(app.field_error(
            p_path || '.amount', 'integer_type', 'Only hours can be counted in parts; a whole number is expected here.'
        ));
    elsif p_type = 'holiday' then
        return (
            select coalesce(jsonb_agg(app.field_error(
                format('%s.holiday_ids.%s', p_path, e.place - 1), 'not_found', 'There is no such holiday.'
            ) order by e.place), '[]')
            from unnest(app.id_list(v_known -> 'holiday_ids')) with ordinality as e(id, place)
            where not exists (
                select from public.holidays h
                where h.id = e.id and (h.organization_id is null or h.organization_id = p_organization_id)
            )
        );
    end if;
    return v_errors;
end;
$$;

-- The faults of who shall approve: what the type needs is missing, what it does not use would mislead, or is nobody here.
create function app.approval_errors(p_rule public.tier_booking_rules)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
    v_type public.rule_approval_type := p_rule.approval_type;
    v_field record;
begin
    for v_field in
        select *
        from (
            values
                ('approver_tier_id', p_rule.approver_tier_id is not null, v_type = 'tier_members', v_type = 'quorum'),
                ('approver_user_ids', p_rule.approver_user_ids is not null, v_type = 'specific_users', v_type = 'quorum'),
                ('quorum', p_rule.quorum is not null, v_type = 'quorum', false)
        ) as f(key, is_given, is_needed, is_possible)
    loop
        if v_field.is_needed and not v_field.is_given then
            v_errors := v_errors || app.field_error(
                v_field.key, 'missing', format('Approval by %s needs this field.', replace(v_type::text, '_', ' ')),
                jsonb_build_object('approval_type', v_type)
            );
        elsif v_field.is_given and not v_field.is_needed and not v_field.is_possible then
            v_errors := v_errors || app.field_error(
                v_field.key, 'not_used', format('Approval by %s does not use this field.', replace(v_type::text, '_', ' ')),
                jsonb_build_object('approval_type', v_type)
            );
        end if;
    end loop;
    if v_type = 'quorum' and p_rule.approver_tier_id is not null and p_rule.approver_user_ids is not null then
        v_errors := v_errors || app.field_error(
            'approver_user_ids', 'not_used', 'Give either a tier or people: the quorum is of one of them.'
        );
    end if;
    if p_rule.quorum > (select count(distinct u.id) from unnest(p_rule.approver_user_ids) as u(id))
        and p_rule.approver_user_ids is not null
    then
        v_errors := v_errors || app.field_error(
            'quorum', 'out_of_range', 'The quorum is larger than the number of people named.',
            jsonb_build_object('min', 1, 'max', cardinality(p_rule.approver_user_ids))
        );
    end if;
    return v_errors || (
        select coalesce(jsonb_agg(app.field_error(
            format('approver_user_ids.%s', u.place - 1), 'not_found', 'There is no such member.'
        ) order by u.place), '[]')
        from unnest(p_rule.approver_user_ids) with ordinality as u(id, place)
        where not exists (
            select from public.organization_members m
            where m.organization_id = p_rule.organization_id and m.user_id = u.id
        )
    );
end;
$$;

-- What of the organisation a row names, and is not there: {column: id}, with null for what is not named.
create function app.reference_errors(p_organization_id uuid, p_named jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(app.field_error(
        n.key, 'not_found',
        format('There is no such %s.', case n.key when 'asset_id' then 'asset' when 'rule_id' then 'rule' else 'tier' end)
    ) order by n.key), '[]')
    from jsonb_each_text(p_named) n
    where n.value is not null and not exists (
        select from public.tiers t
        where n.key in ('tier_id', 'approver_tier_id') and t.id = n.value::uuid and t.organization_id = p_organization_id
        union all
        select from public.assets a
        where n.key = 'asset_id' and a.id = n.value::uuid and a.organization_id = p_organization_id
        union all
        select from public.tier_booking_rules r
        where n.key = 'rule_id' and r.id = n.value::uuid and r.organization_id = p_organization_id
    )
$$;

-- All faults of a rule, at once.
create function app.rule_errors(p_rule public.tier_booking_rules)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    return app.condition_errors(p_rule.rule_type, p_rule.conditions, p_rule.organization_id)
        || app.reference_errors(p_rule.organization_id, jsonb_build_object(
            'tier_id', p_rule.tier_id, 'approver_tier_id', p_rule.approver_tier_id
        ))
        || app.approval_errors(p_rule)
        || case when p_rule.rule_type = 'custom' and p_rule.effect <> 'require_approval'
            then app.field_error('effect', 'approval_only', 'A custom rule can only ask for approval: require_approval.')
            else '[]' end;
end;
$$;

create function app.check_rule()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Shared until the commit: of a tier that is being deleted, the deferred foreign key would speak, in its own words.
    perform from public.tiers t
    where t.organization_id = new.organization_id and t.id in (new.tier_id, new.approver_tier_id)
    order by t.id
    for key share;
    perform app.fail_fields(app.rule_errors(new));
    return null;
end;
$$;
create trigger rule_is_valid_on_insert after insert on public.tier_booking_rules
for each row execute function app.check_rule();
-- Not for what else changes: a rule whose approver has left can still be switched off.
create trigger rule_is_valid_on_update after update on public.tier_booking_rules
for each row when (
    (
        old.organization_id, old.tier_id, old.rule_type, old.conditions, old.effect, old.approval_type,
        old.approver_tier_id, old.approver_user_ids, old.quorum
    ) is distinct from (
        new.organization_id, new.tier_id, new.rule_type, new.conditions, new.effect, new.approval_type,
        new.approver_tier_id, new.approver_user_ids, new.quorum
    )
) execute function app.check_rule();

-- Of rows that name things of their organisation, and nothing else that could be wrong.
create function app.check_references()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_row jsonb := to_jsonb(new);
begin
    -- Shared until the commit, as by app.check_rule.
    perform from public.tiers t
    where t.organization_id = new.organization_id and t.id = (v_row ->> 'tier_id')::uuid
    for key share;
    perform from public.tier_booking_rules r
    where r.organization_id = new.organization_id and r.id = (v_row ->> 'rule_id')::uuid
    for key share;
    perform from public.assets a
    where a.organization_id = new.organization_id and a.id = (v_row ->> 'asset_id')::uuid
    for key share;
    perform app.fail_fields(app.reference_errors(
        new.organization_id,
        (select jsonb_object_agg(k.key, v_row -> k.key) from unnest(tg_argv) as k(key))
    ));
    return null;
end;
$$;
create trigger blackout_is_of_the_organization after insert or update of tier_id, asset_id, organization_id
on public.blackout_dates for each row execute function app.check_references('tier_id', 'asset_id');
create trigger rule_asset_is_of_the_organization after insert or update on public.tier_rule_assets
for each row execute function app.check_references('rule_id', 'asset_id');

-- Trigger: words for what the deferred foreign key would refuse at the end of the transaction.
create function app.keep_approving_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rules integer;
begin
    select count(*) into v_rules
    from public.tier_booking_rules r
    join public.organizations o on o.id = r.organization_id
    where r.approver_tier_id = old.id and r.tier_id is distinct from old.id;
    if v_rules > 0 then
        perform app.fail(
            'INVALID_STATE', 'Members of this tier approve bookings under other rules. Change those rules first.', 409,
            jsonb_build_object('reason', 'tier_approves', 'rules', v_rules)
        );
    end if;
    return old;
end;
$$;
create trigger keep_approving_tier before delete on public.tiers
for each row execute function app.keep_approving_tier();

-- Trigger: a rule does not silently lose a holiday.
create function app.keep_used_holiday()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rules integer;
begin
    select count(*) into v_rules
    from public.tier_booking_rules r
    join public.organizations o on o.id = r.organization_id
    where (old.organization_id is null or r.organization_id = old.organization_id)
        and old.id = any (app.id_list(r.conditions -> 'holiday_ids'));
    if v_rules > 0 then
        perform app.fail(
            'INVALID_STATE', 'Rules name this holiday. Change those rules first.', 409,
            jsonb_build_object('reason', 'holiday_in_use', 'rules', v_rules)
        );
    end if;
    return old;
end;
$$;
create trigger keep_used_holiday before delete on public.holidays
for each row execute function app.keep_used_holiday();
