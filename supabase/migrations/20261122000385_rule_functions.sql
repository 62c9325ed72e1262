-- Rules with their assets, in one body.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- asset_ids: null is every asset.
create function app.rule_resource(p_rule public.tier_booking_rules)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_rule) || jsonb_build_object(
        'created_at', app.utc(p_rule.created_at), 'updated_at', app.utc(p_rule.updated_at),
        'asset_ids', case when not p_rule.applies_to_all_assets then (
            select coalesce(jsonb_agg(a.asset_id order by a.asset_id), '[]')
            from public.tier_rule_assets a
            where a.rule_id = p_rule.id
        ) end
    )
$$;

-- A page of the rules in the order of evaluation: {items, total}. Of a tier, an asset: those that are for it, which are
-- also those for every tier, every asset.
create function public.list_rules(
    p_organization_id uuid, p_tier_id uuid default null, p_asset_id uuid default null,
    p_rule_type public.rule_type default null, p_is_active boolean default null,
    p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page record := app.page_bounds(p_page, p_page_size);
begin
    perform app.require_member(p_organization_id);
    return (
        with found as (
            select r as rule, r.is_override, r.priority, r.id
            from public.tier_booking_rules r
            where r.organization_id = p_organization_id
                and (p_tier_id is null or r.tier_id is null or r.tier_id = p_tier_id)
                and (p_rule_type is null or r.rule_type = p_rule_type)
                and (p_is_active is null or r.is_active = p_is_active)
                and (
                    p_asset_id is null or r.applies_to_all_assets
                    or exists (
                        select from public.tier_rule_assets a where a.rule_id = r.id and a.asset_id = p_asset_id
                    )
                )
        )
        select jsonb_build_object(
            'total', (select count(*) from found),
            'items', coalesce(
                (
                    select jsonb_agg(app.rule_resource(f.rule) order by f.is_override desc, f.priority, f.id)
                    from (
                        select * from found order by is_override desc, priority, id
                        limit v_page.size offset v_page.skip
                    ) f
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_rules(
    uuid, uuid, uuid, public.rule_type, boolean, integer, integer
) to authenticated;

-- The faults of the assets that a rule is for.
create function app.asset_ids_errors(p_organization_id uuid, p_input jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    if jsonb_typeof(p_input) is distinct from 'object' or coalesce(jsonb_typeof(p_input -> 'asset_ids'), 'null') = 'null' then
        return '[]';
    end if;
    v_ids := app.id_list(p_input -> 'asset_ids');
    if v_ids is null then
        return jsonb_build_array(app.field_error('asset_ids', 'list_type', 'A list of ids is expected here.'));
    elsif cardinality(v_ids) not between 1 and 1000 then
        return jsonb_build_array(app.field_error(
            'asset_ids', 'out_of_range', 'Between 1 and 1000 assets are expected here; null is every asset.',
            jsonb_build_object('min', 1, 'max', 1000)
        ));
    end if;
    return (
        select coalesce(jsonb_agg(app.field_error(
            format('asset_ids.%s', n.place - 1), 'not_found', 'There is no such asset.'
        ) order by n.place), '[]')
        from unnest(v_ids) with ordinality as n(id, place)
        where not exists (
            select from public.assets a where a.id = n.id and a.organization_id = p_organization_id
        )
    );
end;
$$;

-- What the rule becomes by this input, if it can be; all faults of its fields first, then all of what they mean.
create function app.checked_rule(p_row public.tier_booking_rules, p_base jsonb, p_input jsonb)
returns public.tier_booking_rules
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.tier_booking_rules := jsonb_populate_record(
        p_row,
        app.checked_input('rule', p_base, p_input, '{asset_ids}', app.asset_ids_errors(p_row.organization_id, p_input))
    );
begin
    if p_input ? 'asset_ids' then
        v_row.applies_to_all_assets := jsonb_typeof(p_input -> 'asset_ids') = 'null';
    end if;
    perform app.fail_fields(app.rule_errors(v_row));
    return v_row;
end;
$$;

create function app.save_rule_assets(p_row public.tier_booking_rules, p_input jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := coalesce(app.id_list(p_input -> 'asset_ids'), '{}');
begin
    if p_input ? 'asset_ids' then
        delete from public.tier_rule_assets a where a.rule_id = p_row.id and a.asset_id <> all (v_ids);
        insert into public.tier_rule_assets (rule_id, asset_id, organization_id)
        select distinct p_row.id, n.id, p_row.organization_id from unnest(v_ids) as n(id)
        on conflict (rule_id, asset_id) do nothing;
    end if;
end;
$$;

-- Adds a rule, for admins and owners: the table's fields, and asset_ids (null or absent: every asset).
create function public.create_rule(p_organization_id uuid, p_rule jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.tier_booking_rules;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row.id := gen_random_uuid();
    v_row.organization_id := p_organization_id;
    v_row.version := 1;
    v_row.created_at := now();
    v_row.updated_at := now();
    v_row.applies_to_all_assets := true;
    v_row := app.checked_rule(
        v_row,
        jsonb_build_object(
            'conditions', '{}'::jsonb, 'effect', case when p_rule ->> 'rule_type' = 'custom' then 'require_approval' else 'deny' end,
            'priority', 100, 'is_override', false, 'overridable_by', '[]'::jsonb, 'is_active', true,
            'approval_type', 'any_approver', 'timeout_hours', 72
        ),
        p_rule
    );
    insert into public.tier_booking_rules select v_row.*;
    perform app.save_rule_assets(v_row, p_rule);
    return app.rule_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_rule(uuid, jsonb) to authenticated;

-- The rule, locked, in the version that the caller knows.
create function app.lock_rule(p_organization_id uuid, p_rule_id uuid, p_expected_version integer)
returns public.tier_booking_rules
language plpgsql
set search_path = ''
as $$
declare
    v_row public.tier_booking_rules;
begin
    select r.* into v_row
    from public.tier_booking_rules r
    where r.id = p_rule_id and r.organization_id = p_organization_id
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such rule.', 404);
    end if;
    perform app.require_version(v_row.version, p_expected_version, app.rule_resource(v_row));
    return v_row;
end;
$$;

-- Changes what is named; conditions are replaced as a whole. Bookings that stand are not judged again, and what is pending
-- keeps the rule as it was when it was asked for.
create function public.update_rule(
    p_organization_id uuid, p_rule_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.tier_booking_rules;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_rule(p_organization_id, p_rule_id, p_expected_version);
    if jsonb_typeof(p_changes) = 'object' and p_changes <> '{}'
        and p_changes - '{name,description,priority,is_active}'::text[] = '{}'
    then
        -- As the table's trigger has it: a rule whose approver has left can still be renamed and switched off.
        v_row := jsonb_populate_record(v_row, app.checked_input('rule', to_jsonb(v_row), p_changes));
    else
        v_row := app.checked_rule(v_row, to_jsonb(v_row), p_changes);
    end if;
    update public.tier_booking_rules r
    set tier_id = v_row.tier_id, name = v_row.name, description = v_row.description, rule_type = v_row.rule_type,
        conditions = v_row.conditions, effect = v_row.effect, applies_to_all_assets = v_row.applies_to_all_assets,
        priority = v_row.priority, is_override = v_row.is_override, overridable_by = v_row.overridable_by,
        is_active = v_row.is_active, approval_type = v_row.approval_type, approver_tier_id = v_row.approver_tier_id,
        approver_user_ids = v_row.approver_user_ids, quorum = v_row.quorum, timeout_hours = v_row.timeout_hours
    where r.id = p_rule_id;
    perform app.save_rule_assets(v_row, p_changes);
    select r.* into v_row from public.tier_booking_rules r where r.id = p_rule_id;
    return app.rule_resource(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_rule(uuid, uuid, jsonb, integer) to authenticated;

create function public.delete_rule(p_organization_id uuid, p_rule_id uuid, p_expected_version integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.tier_booking_rules;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_rule(p_organization_id, p_rule_id, p_expected_version);
    delete from public.tier_booking_rules r where r.id = v_row.id;
    return jsonb_build_object('id', v_row.id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_rule(uuid, uuid, integer) to authenticated;
