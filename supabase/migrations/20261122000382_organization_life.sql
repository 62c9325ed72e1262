-- The end of an organisation, and its return; and what it has paid for, shown with it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The organisation as its own resource: with the sections that it is entitled to, and, for admins and owners, with its
-- subscription.
create or replace function app.organization_json(p_organization public.organizations)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_organization) - 'deleted_at' || jsonb_build_object(
        'created_at', app.utc(p_organization.created_at),
        'updated_at', app.utc(p_organization.updated_at),
        'entitlements', (
            select coalesce(jsonb_agg(e.section order by e.section), '[]')
            from public.entitlements e
            where e.organization_id = p_organization.id and e.is_active
        )
    ) || case when app.member_role(p_organization.id) <= 'admin' then jsonb_build_object('subscription', (
        select jsonb_build_object(
            'status', s.status, 'seat_limit', s.seat_limit, 'trial_ends_at', app.utc(s.trial_ends_at)
        )
        from public.subscriptions s
        where s.organization_id = p_organization.id
    )) else '{}' end
$$;

create function public.get_organization(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform app.require_member(p_organization_id);
    return (select app.organization_json(o) from public.organizations o where o.id = p_organization_id);
end;
$$;
grant execute on function public.get_organization(uuid) to authenticated;

-- Trigger: what is shown with the organisation has its version, or an ETag would outlive it.
create function app.count_subscription_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.organizations o
    set updated_at = now()
    where o.id in (old.organization_id, new.organization_id) and o.updated_at <> now();
    return null;
end;
$$;
create trigger version_counts_subscription after insert or update or delete on public.subscriptions
    for each row execute function app.count_subscription_change();
create trigger version_counts_entitlements after insert or update or delete on public.entitlements
    for each row execute function app.count_subscription_change();

-- Deletes an organisation, for its owners: it exists for no one any more. Nothing in it is lost, see restore_organization.
create function public.delete_organization(p_organization_id uuid, p_expected_version integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_organization public.organizations;
begin
    perform app.require_member(p_organization_id, 'owner');
    perform app.require_aal2(p_organization_id, true);
    select o.* into v_organization
    from public.organizations o
    where o.id = p_organization_id
    for no key update;
    -- Once more, under the lock: an owner who was demoted meanwhile deletes nothing, nor does the second of two.
    perform app.require_member(p_organization_id, 'owner');
    if v_organization.version <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The organization was changed meanwhile.', 412,
            jsonb_build_object('current', app.organization_json(v_organization))
        );
    end if;
    update public.organizations o
    set deleted_at = now()
    where o.id = p_organization_id;
    return jsonb_build_object('id', p_organization_id, 'deleted_at', app.utc(now()));
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.delete_organization(uuid, integer) to authenticated;

-- What keeps a deleted organisation from coming back, in words that an app can translate; null where nothing does.
create function app.restore_obstacle(p_organization public.organizations)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    return case
        when coalesce(
            (select s.status from public.subscriptions s where s.organization_id = p_organization.id), 'canceled'
        ) = 'canceled' then 'subscription_canceled'
        when not app.is_time_zone(p_organization.timezone) then 'time_zone'
        when not exists (
            select from public.tiers t where t.organization_id = p_organization.id and t.is_default
        ) then 'default_tier'
    end;
end;
$$;

-- Brings a deleted organisation back, for whoever is an owner of it, if it could be created as it stands. To everyone
-- else it does not exist, as it does not while one that the platform has closed.
create function public.restore_organization(p_organization_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_organization public.organizations;
    v_obstacle text;
begin
    perform app.require_user();
    select o.* into v_organization
    from public.organizations o
    where o.id = p_organization_id
    for no key update;
    if v_organization.deleted_at is null then
        perform app.require_member(p_organization_id, 'owner');
        perform app.fail(
            'INVALID_STATE', 'The organization is not deleted.', 409, jsonb_build_object('reason', 'not_deleted')
        );
    end if;
    if not v_organization.is_active or not exists (
        select from public.organization_members m
        where m.organization_id = p_organization_id and m.user_id = auth.uid() and m.role = 'owner'
    ) then
        perform app.fail('NOT_FOUND', 'There is no such organization.', 404);
    end if;
    v_obstacle := app.restore_obstacle(v_organization);
    if v_obstacle is not null then
        perform app.fail(
            'INVALID_STATE', 'The organization cannot be restored as it is.', 409,
            jsonb_build_object('reason', v_obstacle)
        );
    end if;
    update public.organizations o
    set deleted_at = null
    where o.id = p_organization_id
    returning o.* into v_organization;
    -- After the fact, for nobody is a member of what is deleted; a refusal takes it back.
    perform app.require_aal2(p_organization_id, true);
    return app.organization_json(v_organization);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.restore_organization(uuid) to authenticated;
