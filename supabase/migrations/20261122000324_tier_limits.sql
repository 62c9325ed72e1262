-- The limits of the tier itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What of its tier's limits a booking exceeds. They are rules of the plainest kind, stand beside the organisation's own,
-- and are nobody's to set aside. Days of a month are counted over all assets, days in one go on the one asset; notice and
-- how far ahead are asked only of a booking that starts anew, as the triggers know.
create function app.tier_limit_violations(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_limits public.tier_rules;
begin
    select * into v_limits
    from public.tier_rules r
    where r.tier_id = p_case.tier_id and r.organization_id = p_case.organization_id;
    if not found then
        return '[]';
    end if;
    return (
        select coalesce(
            jsonb_agg(
                app.violation(
                    'tier_limit', l.finding || jsonb_build_object('code', l.code), l.effect,
                    p_rule_version => v_limits.version
                )
                order by l.place
            ),
            '[]'
        )
        from (
            values
                (1, 'tier_max_days_per_month', 'deny', case when v_limits.max_days_per_month is not null then
                    app.quota_trigger(p_case, jsonb_build_object(
                        'amount', v_limits.max_days_per_month, 'unit', 'days', 'period', 'month', 'scope', 'organization'
                    ))
                end),
                (2, 'tier_max_consecutive_days', 'deny', case when v_limits.max_consecutive_days is not null then
                    app.max_consecutive_days_trigger(
                        p_case, jsonb_build_object('max', v_limits.max_consecutive_days, 'gap_days', 0)
                    )
                end),
                (3, 'tier_min_lead_time', 'deny', case when v_limits.min_lead_time_hours is not null then
                    app.lead_time_trigger(p_case, jsonb_build_object('min_hours', v_limits.min_lead_time_hours))
                end),
                (4, 'tier_max_advance', 'deny', case when v_limits.max_advance_days is not null then
                    app.advance_window_trigger(p_case, jsonb_build_object('max_days', v_limits.max_advance_days))
                end),
                (5, 'tier_requires_approval', 'require_approval', case when v_limits.requires_approval then
                    app.finding('tier_requires_approval', 'Bookings by members of this tier need approval.', '{}')
                end)
        ) as l(place, code, effect, finding)
        where l.finding is not null
    );
end;
$$;
