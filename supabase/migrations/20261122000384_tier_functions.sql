-- Tiers with their limits, in one body. The policies of the tables say the same to whoever writes them directly.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Trigger: a tier is shown with its limits, so its version counts their changes; several in one transaction count once.
create function app.count_limits_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.tiers t
    set updated_at = now()
    where t.id in (old.tier_id, new.tier_id) and t.updated_at <> now();
    return null;
end;
$$;
create trigger version_counts_limits after insert or update or delete on public.tier_rules
    for each row execute function app.count_limits_change();

create function app.tier_resource(p_tier public.tiers)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_tier) || jsonb_build_object(
        'created_at', app.utc(p_tier.created_at), 'updated_at', app.utc(p_tier.updated_at),
        'limits', (
            select to_jsonb(l) - '{tier_id,organization_id,version,created_at,updated_at}'::text[]
            from public.tier_rules l
            where l.tier_id = p_tier.id
        )
    )
$$;

-- A page of the tiers, the strongest first: {items, total}.
create function public.list_tiers(p_organization_id uuid, p_page integer default 1, p_page_size integer default 50)
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
    return jsonb_build_object(
        'total', (select count(*) from public.tiers t where t.organization_id = p_organization_id),
        'items', (
            select coalesce(jsonb_agg(app.tier_resource(t) order by t.priority, t.id), '[]')
            from (
                select * from public.tiers t
                where t.organization_id = p_organization_id
                order by t.priority, t.id
                limit v_page.size offset v_page.skip
            ) t
        )
    );
end;
$$;
grant execute on function public.list_tiers(uuid, integer, integer) to authenticated;

-- The limits that an input asks for, over those that stand; null where there shall be none. Raises all their faults
-- together with the tier's own.
create function app.checked_tier(p_base jsonb, p_input jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    c_none constant jsonb := '{"requires_approval": false}';
    v_limits jsonb := coalesce(nullif(p_base -> 'limits', 'null'), c_none);
    v_faults jsonb := '[]';
begin
    if jsonb_typeof(p_input) = 'object' and coalesce(jsonb_typeof(p_input -> 'limits'), 'null') <> 'null' then
        v_faults := app.key_errors(
            p_input -> 'limits', array(select f.key from app.known_fields('limits') f), '{}', 'limits'
        );
        if jsonb_typeof(p_input -> 'limits') = 'object' then
            v_limits := v_limits || (p_input -> 'limits');
            v_faults := v_faults || app.value_errors('limits', v_limits, 'limits');
        end if;
    end if;
    return app.checked_input('tier', p_base - 'limits', p_input, '{limits}', v_faults)
        || case
            when p_input -> 'limits' = 'null' then '{"limits": null}'
            when p_input ? 'limits' then jsonb_build_object('limits', v_limits)
            else '{}'
        end;
end;
$$;

-- Writes or lifts a tier's limits, as p_tier says, if it says anything of them.
create function app.save_limits(p_row public.tiers, p_tier jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_limits public.tier_rules;
begin
    if p_tier -> 'limits' = 'null' then
        delete from public.tier_rules l where l.tier_id = p_row.id;
    elsif p_tier ? 'limits' then
        v_limits := jsonb_populate_record(null::public.tier_rules, p_tier -> 'limits');
        insert into public.tier_rules as l (
            tier_id, organization_id, max_days_per_month, max_consecutive_days, min_lead_time_hours, max_advance_days,
            requires_approval, min_cancellation_notice_hours
        )
        values (
            p_row.id, p_row.organization_id, v_limits.max_days_per_month, v_limits.max_consecutive_days,
            v_limits.min_lead_time_hours, v_limits.max_advance_days, v_limits.requires_approval,
            v_limits.min_cancellation_notice_hours
        )
        on conflict (tier_id) do update
            set max_days_per_month = excluded.max_days_per_month,
                max_consecutive_days = excluded.max_consecutive_days,
                min_lead_time_hours = excluded.min_lead_time_hours,
                max_advance_days = excluded.max_advance_days,
                requires_approval = excluded.requires_approval,
                min_cancellation_notice_hours = excluded.min_cancellation_notice_hours;
    end if;
end;
$$;

-- What a caught unique violation of the tiers becomes: their order's, or the default's where two take it over at once.
create function app.fail_tier_not_unique(p_constraint text)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_constraint = 'tiers_one_default' then
        perform app.fail_busy();
    end if;
    perform app.fail_fields(jsonb_build_array(app.field_error(
        'priority', 'not_unique', 'Another tier has this priority.'
    )));
end;
$$;

-- Adds a tier, for admins and owners; {name, priority, color, description, can_override, is_default, sections, limits}.
create function public.create_tier(p_organization_id uuid, p_tier jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_tier jsonb;
    v_row public.tiers;
    v_constraint text;
begin
    perform app.require_member(p_organization_id, 'admin');
    v_tier := app.checked_tier('{"can_override": false, "is_default": false}', p_tier);
    perform app.require_aal2(p_organization_id, v_tier ? 'limits');
    v_row := jsonb_populate_record(null::public.tiers, v_tier);
    insert into public.tiers (organization_id, name, priority, color, description, can_override, is_default, sections)
    values (
        p_organization_id, v_row.name, v_row.priority, v_row.color, v_row.description, v_row.can_override,
        v_row.is_default, v_row.sections
    )
    returning * into v_row;
    perform app.save_limits(v_row, v_tier);
    return app.tier_resource(v_row);
exception
    when unique_violation then
        get stacked diagnostics v_constraint = constraint_name;
        perform app.fail_tier_not_unique(v_constraint);
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_tier(uuid, jsonb) to authenticated;

-- The tier, locked, in the version that the caller knows.
create function app.lock_tier(p_organization_id uuid, p_tier_id uuid, p_expected_version integer)
returns public.tiers
language plpgsql
set search_path = ''
as $$
declare
    v_row public.tiers;
begin
    select t.* into v_row
    from public.tiers t
    where t.id = p_tier_id and t.organization_id = p_organization_id
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such tier.', 404);
    end if;
    perform app.require_version(v_row.version, p_expected_version, app.tier_resource(v_row));
    return v_row;
end;
$$;

-- Changes what is named. Of limits, too, only what is named; limits of null lifts them all.
create function public.update_tier(
    p_organization_id uuid, p_tier_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_tier jsonb;
    v_row public.tiers;
    v_constraint text;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, coalesce(p_changes ? 'limits', false));
    v_row := app.lock_tier(p_organization_id, p_tier_id, p_expected_version);
    v_tier := app.checked_tier(app.tier_resource(v_row), p_changes);
    v_row := jsonb_populate_record(v_row, v_tier);
    update public.tiers t
    set name = v_row.name, priority = v_row.priority, color = v_row.color, description = v_row.description,
        can_override = v_row.can_override, is_default = v_row.is_default, sections = v_row.sections
    where t.id = p_tier_id;
    perform app.save_limits(v_row, v_tier);
    select t.* into v_row from public.tiers t where t.id = p_tier_id;
    return app.tier_resource(v_row);
exception
    when unique_violation then
        get stacked diagnostics v_constraint = constraint_name;
        perform app.fail_tier_not_unique(v_constraint);
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_tier(uuid, uuid, jsonb, integer) to authenticated;

-- Deletes a tier that nobody is in and that approves nothing; its own rules and blackouts go with it.
create function public.delete_tier(p_organization_id uuid, p_tier_id uuid, p_expected_version integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.tiers;
begin
    perform app.require_member(p_organization_id, 'admin');
    -- With it go limits and rules.
    perform app.require_aal2(p_organization_id, true);
    v_row := app.lock_tier(p_organization_id, p_tier_id, p_expected_version);
    delete from public.tiers t where t.id = v_row.id;
    return jsonb_build_object('id', v_row.id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_tier(uuid, uuid, integer) to authenticated;
