-- The second factor where it was missing: who demands it of everyone must have confirmed their own, and a tier's limits go
-- with the tier.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- MFA_REQUIRED unless the caller's sign-in has been confirmed by a second factor, whatever an organisation demands.
create function app.require_level()
returns void
language plpgsql
stable
parallel safe
set search_path = ''
as $$
begin
    if coalesce(auth.jwt() ->> 'aal', 'aal1') <> 'aal2' then
        perform app.fail('MFA_REQUIRED', 'Confirm your second factor first.', 403);
    end if;
end;
$$;

-- Demanding the second factor, or no longer, takes a sign-in that has it: whoever has none would lock themselves out of
-- taking it back.
create or replace function public.update_organization(
    p_organization_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
as $$
declare
    c_keys constant text[] :=
        '{legal_name,commercial_name,ruc,dv,billing_email,phone,address,logo_url,timezone,require_mfa}';
    v_organization public.organizations;
    v_required boolean;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id);
    perform app.fail_fields(app.organization_errors(
        p_changes, c_keys,
        -- Those that cannot be emptied, if they are named at all.
        array(
            select k.key from unnest('{legal_name,timezone,require_mfa}'::text[]) as k(key)
            where jsonb_typeof(p_changes) = 'object' and p_changes ? k.key
        )
    ));

    select o.* into v_organization
    from public.organizations o
    where o.id = p_organization_id
    for no key update;
    if v_organization.version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The organization was changed meanwhile.', 412,
            jsonb_build_object('current', app.organization_json(v_organization))
        );
    end if;

    -- Fields that are not named keep the row's value; JSON null empties.
    v_required := v_organization.require_mfa;
    v_organization := jsonb_populate_record(v_organization, p_changes);
    if v_organization.require_mfa <> v_required then
        perform app.require_level();
    end if;
    update public.organizations o
    set legal_name = v_organization.legal_name,
        commercial_name = v_organization.commercial_name,
        ruc = v_organization.ruc,
        dv = v_organization.dv,
        billing_email = v_organization.billing_email,
        phone = v_organization.phone,
        address = v_organization.address,
        logo_url = v_organization.logo_url,
        timezone = v_organization.timezone,
        require_mfa = v_organization.require_mfa
    where o.id = p_organization_id
    returning o.* into v_organization;
    return app.organization_json(v_organization);
exception
    when lock_not_available or deadlock_detected then
        perform app.fail('SERVICE_UNAVAILABLE', 'Someone else is changing this. Try again.', 503);
end;
$$;

-- As public.delete_tier has it: a tier's limits are deleted with it.
alter policy "tiers are deleted with the second factor that is demanded" on public.tiers
    using (app.require_aal2(organization_id, true));
