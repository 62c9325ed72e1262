-- The one place where a booking is judged: create, change, preview, series, holds, waitlist and approval all ask app.weigh.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The case of that person's booking of the asset; a member without a tier is judged by the default one.
create function app.make_case(
    p_asset public.assets, p_user_id uuid, p_start timestamptz, p_end timestamptz, p_exclude_ids uuid[] default '{}',
    p_starts_anew boolean default true
)
returns app.booking_case
language plpgsql
stable
set search_path = ''
as $$
declare
    v_case app.booking_case;
begin
    v_case.organization_id := p_asset.organization_id;
    v_case.asset_id := p_asset.id;
    v_case.section := p_asset.section;
    v_case.time_zone := p_asset.timezone;
    v_case.user_id := p_user_id;
    v_case.tier_id := coalesce(
        (
            select m.tier_id
            from public.organization_members m
            where m.organization_id = p_asset.organization_id and m.user_id = p_user_id
        ),
        (select t.id from public.tiers t where t.organization_id = p_asset.organization_id and t.is_default)
    );
    v_case.start_date := p_start;
    v_case.end_date := p_end;
    v_case.exclude_ids := coalesce(p_exclude_ids, '{}');
    v_case.starts_anew := p_starts_anew;
    return v_case;
end;
$$;

-- All that stands against the case or asks for approval: an array of violations, the strictest first, then in order of
-- evaluation: blackouts, a residence's hours, the tier's limits, the rules. `overridable` is whether the caller's role may
-- set the violation aside. To be called in a statement after app.lock_people, for it counts.
create function app.judge(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
-- For all that it calls: the plans are the same whatever is booked, and to make them anew takes ten times as long as to
-- run them.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    v_violations jsonb := app.blackout_violations(p_case) || app.check_in_violations(p_case)
        || app.tier_limit_violations(p_case);
    v_role public.member_role;
    v_silenced public.rule_type[] := '{}';
    v_rule record;
    v_finding jsonb;
begin
    for v_rule in
        select r.id, r.name, r.rule_type, r.conditions, r.effect, r.is_override, r.overridable_by, r.version
        from public.tier_booking_rules r
        where r.organization_id = p_case.organization_id and r.is_active
            and (r.tier_id is null or r.tier_id = p_case.tier_id)
            and (
                r.applies_to_all_assets
                or exists (select from public.tier_rule_assets a where a.rule_id = r.id and a.asset_id = p_case.asset_id)
            )
        order by r.is_override desc, r.priority, r.id
    loop
        continue when v_rule.rule_type = any (v_silenced);
        v_finding := app.rule_trigger(p_case, v_rule.rule_type, v_rule.conditions);
        continue when v_finding is null;
        if v_rule.is_override then
            v_silenced := v_silenced || v_rule.rule_type;
        end if;
        -- Whose role: the caller's, not the booker's. Asked only where somebody could.
        if v_rule.overridable_by <> '{}' and v_role is null then
            v_role := app.member_role(p_case.organization_id);
        end if;
        v_violations := v_violations || app.violation(
            v_rule.rule_type::text, v_finding, v_rule.effect::text, v_rule.id, v_rule.name, v_rule.version,
            coalesce(v_role = any (v_rule.overridable_by), false)
        );
    end loop;
    if jsonb_array_length(v_violations) < 2 then
        return v_violations;
    end if;
    return (
        select jsonb_agg(v.value order by v.value ->> 'effect' <> 'deny', v.place)
        from jsonb_array_elements(v_violations) with ordinality as v(value, place)
    );
end;
$$;

-- The faults of an override: {rule_ids, reason}.
create function app.override_errors(p_override jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    v_errors jsonb := app.key_errors(p_override, '{rule_ids,reason}', '{rule_ids,reason}', 'override');
begin
    if jsonb_typeof(p_override) <> 'object' then
        return v_errors;
    end if;
    if coalesce(jsonb_typeof(p_override -> 'rule_ids'), 'null') <> 'null' then
        v_errors := v_errors || coalesce(
            app.condition_error('override.rule_ids', p_override -> 'rule_ids', 'ids', 1, 100, null), '[]'
        );
    end if;
    return v_errors || app.text_errors(p_override, 'reason', 2000, 'override');
end;
$$;

-- What the caller sets aside of these violations. Raises where a rule that is named does not stand in the way, unless
-- p_ignore_others (the instances of a series share one override, and not each meets every rule), and where the caller's
-- role may not set it aside.
create function app.overridden(p_violations jsonb, p_override jsonb, p_ignore_others boolean)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_locked uuid;
begin
    perform app.fail_fields(app.override_errors(p_override));
    v_ids := app.id_list(p_override -> 'rule_ids');
    if not p_ignore_others then
        perform app.fail_fields((
            select jsonb_agg(app.field_error(
                'override.rule_ids.' || (n.place - 1), 'not_triggered', 'This rule does not stand in the way of the booking.'
            ) order by n.place)
            from unnest(v_ids) with ordinality as n(id, place)
            where not exists (
                select from jsonb_array_elements(p_violations) v where (v.value ->> 'ruleId')::uuid = n.id
            )
        ));
    end if;
    select (v.value ->> 'ruleId')::uuid into v_locked
    from jsonb_array_elements(p_violations) with ordinality as v(value, place)
    where (v.value ->> 'ruleId')::uuid = any (v_ids) and not (v.value ->> 'overridable')::boolean
    order by v.place
    limit 1;
    if found then
        perform app.fail(
            'FORBIDDEN', 'Your role may not set this rule aside.', 403,
            jsonb_build_object('reason', 'not_overridable', 'rule_id', v_locked)
        );
    end if;
    return (
        select coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'rule_id', v.value -> 'ruleId', 'rule_type', v.value -> 'ruleType',
                    'rule_version', v.value -> 'ruleVersion', 'code', v.value -> 'code', 'params', v.value -> 'params',
                    'reason', btrim(p_override ->> 'reason'), 'overridden_by', auth.uid(), 'overridden_at', app.utc(now())
                )
                order by v.place
            ),
            '[]'
        )
        from jsonb_array_elements(p_violations) with ordinality as v(value, place)
        where (v.value ->> 'ruleId')::uuid = any (v_ids)
    );
end;
$$;

-- The verdict on the case, once the caller has set aside what the caller may. p_override: {rule_ids, reason}, or null.
create function app.weigh(p_case app.booking_case, p_override jsonb default null, p_ignore_others boolean default false)
returns app.verdict
language plpgsql
stable
set search_path = ''
as $$
declare
    v_verdict app.verdict := row(null, app.judge(p_case), '[]');
begin
    if jsonb_typeof(p_override) <> 'null' then
        v_verdict.overridden := app.overridden(v_verdict.violations, p_override, p_ignore_others);
        v_verdict.violations := (
            select coalesce(jsonb_agg(v.value order by v.place), '[]')
            from jsonb_array_elements(v_verdict.violations) with ordinality as v(value, place)
            where coalesce((v.value ->> 'ruleId')::uuid <> all (app.id_list(p_override -> 'rule_ids')), true)
        );
    end if;
    v_verdict.outcome := case
        when v_verdict.violations @> '[{"effect": "deny"}]' then 'refused'
        when v_verdict.violations <> '[]' then 'pending'
        else 'approved'
    end;
    return v_verdict;
end;
$$;
