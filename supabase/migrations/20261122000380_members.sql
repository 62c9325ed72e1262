-- Who is in an organisation, as what.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A member as the directory shows one; p_private: with the addresses.
create function app.member_json(p_member public.organization_members, p_private boolean)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'user_id', p.id, 'first_name', p.first_name, 'last_name', p.last_name, 'avatar_url', p.avatar_url,
        'role', p_member.role, 'tier_id', p_member.tier_id,
        'tier', app.tier_json(p_member.organization_id, p_member.tier_id),
        'joined_at', app.utc(p_member.joined_at), 'version', p_member.version
    ) || case when p_private then jsonb_build_object('email', p.email, 'phone', p.phone) else '{}' end
    from public.profiles p
    where p.id = p_member.user_id
$$;

-- The people of an organisation. Email and phone are for managers and above, and everyone's own.
create or replace function public.member_directory(p_organization_id uuid)
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
            app.member_json(m, v_role <= 'manager' or m.user_id = auth.uid())
            order by m.role, p.last_name, p.first_name, m.user_id
        )
        from public.organization_members m
        join public.profiles p on p.id = m.user_id
        where m.organization_id = p_organization_id
    );
end;
$$;

-- A page of the directory: {items, total}.
create function public.list_members(
    p_organization_id uuid, p_role public.member_role default null, p_tier_id uuid default null,
    p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
    v_page record := app.page_bounds(p_page, p_page_size);
begin
    return (
        with found as (
            select m as member, m.role, m.user_id, p.last_name, p.first_name
            from public.organization_members m
            join public.profiles p on p.id = m.user_id
            where m.organization_id = p_organization_id
                and (p_role is null or m.role = p_role)
                and (p_tier_id is null or m.tier_id = p_tier_id)
        )
        select jsonb_build_object(
            'total', (select count(*) from found),
            'items', coalesce(
                (
                    select jsonb_agg(
                        app.member_json(f.member, v_role <= 'manager' or f.user_id = auth.uid())
                        order by f.role, f.last_name, f.first_name, f.user_id
                    )
                    from (
                        select * from found
                        order by role, last_name, first_name, user_id
                        limit v_page.size offset v_page.skip
                    ) f
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_members(uuid, public.member_role, uuid, integer, integer) to authenticated;

-- How many rows of a list to skip and to show; pages count from 1 and hold a hundred at most.
create function app.page_bounds(p_page integer, p_page_size integer, out skip bigint, out size integer)
language plpgsql
immutable
set search_path = ''
as $$
begin
    size := least(greatest(coalesce(p_page_size, 50), 1), 100);
    skip := (greatest(coalesce(p_page, 1), 1) - 1)::bigint * size;
end;
$$;

-- The id in this text, or null where it holds none.
create function app.parse_uuid(p_text text)
returns uuid
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid end
$$;

-- The faults of a tier's id in an object: no id, or none of this organisation's. The row is shared until the end of the
-- transaction where p_lock says so, for a tier that is deleted meanwhile would fail at the foreign key, without words.
create function app.tier_id_errors(p_organization_id uuid, p_object jsonb, p_lock boolean default true)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_id uuid := app.parse_uuid(p_object ->> 'tier_id');
begin
    if coalesce(jsonb_typeof(p_object -> 'tier_id'), 'null') = 'null' then
        return '[]';
    elsif v_id is null then
        return jsonb_build_array(app.field_error('tier_id', 'uuid_parsing', 'An id is expected here.'));
    end if;
    if p_lock then
        perform from public.tiers t where t.id = v_id and t.organization_id = p_organization_id for key share;
    else
        perform from public.tiers t where t.id = v_id and t.organization_id = p_organization_id;
    end if;
    if not found then
        return jsonb_build_array(app.field_error('tier_id', 'not_found', 'There is no such tier.'));
    end if;
    return '[]';
end;
$$;

-- The faults of a role's name in an object.
create function app.role_errors(p_object jsonb, p_allowed public.member_role[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if coalesce(jsonb_typeof(p_object -> 'role'), 'null') = 'null' or p_object ->> 'role' = any (p_allowed::text[]) then
        return '[]';
    end if;
    return jsonb_build_array(app.field_error(
        'role', 'literal_error', format('This must be one of %s.', array_to_string(p_allowed, ', ')),
        jsonb_build_object('expected', p_allowed)
    ));
end;
$$;

-- The member, locked, in the version that the caller knows. The caller's own row is locked with it, in one order, and
-- the caller's role asked again after that: of two who demote each other, the second has no right left to do so. Only
-- owners touch owners; p_min_role is null where one acts on oneself.
create function app.lock_member(
    p_organization_id uuid, p_user_id uuid, p_min_role public.member_role, p_expected_version integer
)
returns public.organization_members
language plpgsql
set search_path = ''
as $$
declare
    v_caller public.member_role;
    v_member public.organization_members;
begin
    perform from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id in (p_user_id, auth.uid())
    order by m.id
    for no key update;
    v_caller := app.require_member(p_organization_id, coalesce(p_min_role, 'viewer'));
    select * into v_member
    from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id = p_user_id;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such member.', 404);
    end if;
    if v_member.role = 'owner' and v_caller <> 'owner' then
        perform app.fail(
            'FORBIDDEN', 'Only owners make, change and remove owners.', 403,
            jsonb_build_object('reason', 'owners_only', 'required_role', 'owner')
        );
    end if;
    if v_member.version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The member was changed meanwhile.', 412,
            jsonb_build_object('current', app.member_json(
                v_member, v_caller <= 'manager' or p_user_id = auth.uid()
            ))
        );
    end if;
    return v_member;
end;
$$;

-- Changes the role or the tier of a member, for admins and owners. A tier of null is the default tier.
create function public.update_member(
    p_organization_id uuid, p_user_id uuid, p_changes jsonb, p_expected_version integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_member public.organization_members;
    v_errors jsonb;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_errors := app.key_errors(
        p_changes, '{role,tier_id}',
        case when jsonb_typeof(p_changes) = 'object' and p_changes ? 'role' then '{role}' else '{}' end::text[]
    );
    if jsonb_typeof(p_changes) = 'object' then
        v_errors := v_errors || app.role_errors(p_changes, enum_range(null::public.member_role));
    end if;
    perform app.fail_fields(v_errors);

    v_member := app.lock_member(p_organization_id, p_user_id, 'admin', p_expected_version);
    if p_changes ->> 'role' = 'owner' and app.member_role(p_organization_id) <> 'owner' then
        perform app.fail(
            'FORBIDDEN', 'Only owners make, change and remove owners.', 403,
            jsonb_build_object('reason', 'owners_only', 'required_role', 'owner')
        );
    end if;
    perform app.fail_fields(app.tier_id_errors(p_organization_id, p_changes));
    if p_changes <> '{}' then
        v_member := jsonb_populate_record(v_member, p_changes);
        update public.organization_members m
        set role = v_member.role, tier_id = v_member.tier_id
        where m.id = v_member.id
        returning m.* into v_member;
    end if;
    return app.member_json(v_member, true);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_member(uuid, uuid, jsonb, integer) to authenticated;
