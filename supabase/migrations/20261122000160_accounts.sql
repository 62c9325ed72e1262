-- The functions about oneself and one's organisations.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create function app.organization_json(p_organization public.organizations)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_organization) - 'deleted_at' || jsonb_build_object(
        'created_at', app.utc(p_organization.created_at),
        'updated_at', app.utc(p_organization.updated_at)
    )
$$;

create function app.tier_json(p_organization_id uuid, p_tier_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object('id', t.id, 'name', t.name, 'priority', t.priority, 'color', t.color)
    from public.tiers t
    where t.organization_id = p_organization_id
        and (t.id = p_tier_id or (p_tier_id is null and t.is_default))
$$;

-- Who is asking: the account, its profile, its memberships by name, and the level of its sign-in.
create function public.me()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_profile public.profiles;
begin
    select p.* into v_profile from public.profiles p where p.id = auth.uid();
    if not found then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    return jsonb_build_object(
        'user', jsonb_build_object('id', v_profile.id, 'email', v_profile.email),
        'profile', to_jsonb(v_profile) || jsonb_build_object(
            'created_at', app.utc(v_profile.created_at), 'updated_at', app.utc(v_profile.updated_at)
        ),
        'memberships', coalesce(
            (
                select jsonb_agg(
                    jsonb_build_object(
                        'organization', jsonb_build_object(
                            'id', o.id, 'commercial_name', o.commercial_name, 'legal_name', o.legal_name,
                            'logo_url', o.logo_url, 'timezone', o.timezone
                        ),
                        'role', m.role,
                        'tier', app.tier_json(m.organization_id, m.tier_id),
                        'joined_at', app.utc(m.joined_at)
                    )
                    order by coalesce(o.commercial_name, o.legal_name), o.id
                )
                from public.organization_members m
                join public.organizations o on o.id = m.organization_id
                where m.user_id = v_profile.id and o.is_active and o.deleted_at is null
            ),
            '[]'
        ),
        'aal', coalesce(auth.jwt() ->> 'aal', 'aal1')
    );
end;
$$;
grant execute on function public.me() to authenticated;

-- The faults of an organisation's fields, all of them at once.
create function app.organization_errors(p_input jsonb, p_allowed text[], p_required text[])
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

create function app.address_errors(p_address jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if jsonb_typeof(p_address) <> 'object' then
        return app.key_errors(p_address, '{}', '{}', 'address');
    end if;
    return app.key_errors(p_address, '{street,city,state,country,postal_code}', '{}', 'address')
        || app.text_errors(p_address, 'street', 200, 'address')
        || app.text_errors(p_address, 'city', 100, 'address')
        || app.text_errors(p_address, 'state', 100, 'address')
        || app.text_errors(p_address, 'country', 100, 'address')
        || app.text_errors(p_address, 'postal_code', 20, 'address');
end;
$$;

-- Creates an organisation: the caller owns it, under a trial with every section, and there is a tier to be in.
create function public.create_organization(p_organization jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    c_keys constant text[] :=
        '{legal_name,commercial_name,ruc,dv,billing_email,phone,address,logo_url,timezone}';
    v_organization public.organizations;
    v_subscription uuid;
    v_tier uuid;
begin
    if not exists (select from public.profiles p where p.id = auth.uid()) then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
    perform app.fail_fields(app.organization_errors(p_organization, c_keys, '{legal_name}'));

    insert into public.organizations (
        legal_name, commercial_name, ruc, dv, billing_email, phone, address, logo_url, timezone
    )
    select
        i.legal_name, i.commercial_name, i.ruc, i.dv, i.billing_email, i.phone, i.address, i.logo_url,
        coalesce(i.timezone, 'America/Panama')
    from jsonb_to_record(p_organization) as i (
        legal_name text, commercial_name text, ruc text, dv text, billing_email text, phone text, address jsonb,
        logo_url text, timezone text
    )
    returning * into v_organization;

    insert into public.subscriptions (organization_id, status, seat_limit, trial_ends_at)
    values (v_organization.id, 'trial', 5, now() + interval '30 days')
    returning id into v_subscription;
    insert into public.entitlements (organization_id, subscription_id, section)
    select v_organization.id, v_subscription, s.section
    from unnest(enum_range(null::public.asset_section)) as s(section);
    insert into public.tiers (organization_id, name, priority, is_default)
    values (v_organization.id, 'Standard', 100, true)
    returning id into v_tier;
    insert into public.organization_members (organization_id, user_id, role, tier_id)
    values (v_organization.id, auth.uid(), 'owner', v_tier);

    return app.organization_json(v_organization);
end;
$$;
grant execute on function public.create_organization(jsonb) to authenticated;

-- Changes the fields named in p_changes, for admins and owners; null empties a field that may be empty.
create function public.update_organization(
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
    v_organization := jsonb_populate_record(v_organization, p_changes);
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
grant execute on function public.update_organization(uuid, jsonb, integer) to authenticated;

-- The people of an organisation. Email and phone are for managers and above, and everyone's own.
create function public.member_directory(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
begin
    return (
        select jsonb_agg(
            jsonb_build_object(
                'user_id', m.user_id, 'first_name', p.first_name, 'last_name', p.last_name,
                'avatar_url', p.avatar_url, 'role', m.role, 'tier_id', m.tier_id, 'joined_at', app.utc(m.joined_at)
            )
            || case when v_role <= 'manager' or m.user_id = auth.uid()
                then jsonb_build_object('email', p.email, 'phone', p.phone) else '{}' end
            order by m.role, p.last_name, p.first_name, m.user_id
        )
        from public.organization_members m
        join public.profiles p on p.id = m.user_id
        where m.organization_id = p_organization_id
    );
end;
$$;
grant execute on function public.member_directory(uuid) to authenticated;
