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
-- evaluation. `overridable` is whether the caller's role may set the violation aside.
create function app.judge(p_case app.booking_case)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    perform p_case;
    return '[]';
end;
$$;

-- The verdict on the case once the caller has set aside what the caller may. p_override: {rule_ids, reason}, or null.
create function app.weigh(p_case app.booking_case, p_override jsonb default null)
returns app.verdict
language plpgsql
stable
set search_path = ''
as $$
begin
    perform p_override;
    return row('approved', app.judge(p_case), '[]')::app.verdict;
end;
$$;
