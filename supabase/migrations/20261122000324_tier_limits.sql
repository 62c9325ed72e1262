-- The limits of the tier itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What a rule's trigger has found, as a violation of a limit of the tier; empty where it found nothing.
create function app.tier_limit_violation(p_code text, p_found jsonb, p_version integer, p_effect text default 'deny')
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_found is null then '[]' else jsonb_build_array(jsonb_build_object(
        'ruleId', null, 'ruleType', 'tier_limit', 'ruleVersion', p_version, 'ruleName', null, 'code', p_code,
        'effect', p_effect, 'message', p_found -> 'message', 'params', p_found -> 'params', 'overridable', false
    )) end
$$;

-- What of its tier's limits a booking exceeds. They are the plain ones of the rules, stand beside those, and are nobody's
-- to set aside. Days of a month are counted over all assets of the organisation, consecutive days on the one asset.
create function app.tier_limit_violations(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_limits public.tier_rules;
    v_found jsonb := '[]';
begin
    select * into v_limits
    from public.tier_rules r
    where r.tier_id = p_case.tier_id and r.organization_id = p_case.organization_id;
    if not found then
        return '[]';
    end if;
    if v_limits.max_days_per_month is not null then
        v_found := v_found || app.tier_limit_violation('tier_max_days_per_month', app.quota_trigger(p_case, jsonb_build_object(
            'amount', v_limits.max_days_per_month, 'unit', 'days', 'period', 'month', 'scope', 'organization'
        )), v_limits.version);
    end if;
    if v_limits.max_consecutive_days is not null then
        v_found := v_found || app.tier_limit_violation('tier_max_consecutive_days', app.max_consecutive_days_trigger(
            p_case, jsonb_build_object('max', v_limits.max_consecutive_days, 'gap_days', 0)
        ), v_limits.version);
    end if;
    if p_case.starts_anew and v_limits.min_lead_time_hours is not null then
        v_found := v_found || app.tier_limit_violation('tier_min_lead_time', app.lead_time_trigger(
            p_case, jsonb_build_object('min_hours', v_limits.min_lead_time_hours)
        ), v_limits.version);
    end if;
    if p_case.starts_anew and v_limits.max_advance_days is not null then
        v_found := v_found || app.tier_limit_violation('tier_max_advance', app.advance_window_trigger(
            p_case, jsonb_build_object('max_days', v_limits.max_advance_days)
        ), v_limits.version);
    end if;
    if v_limits.requires_approval then
        v_found := v_found || app.tier_limit_violation('tier_requires_approval', jsonb_build_object(
            'message', 'Bookings by members of this tier need approval.', 'params', '{}'::jsonb
        ), v_limits.version, 'require_approval');
    end if;
    return v_found;
end;
$$;
