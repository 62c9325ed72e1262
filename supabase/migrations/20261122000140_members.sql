-- Who belongs to an organisation, as what. Written by functions, the service and the dashboard only.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.organization_members (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    user_id uuid not null references public.profiles (id) on delete cascade,
    role public.member_role not null default 'member',
    -- Null means the organisation's default tier.
    tier_id uuid,
    joined_at timestamptz not null default now(),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (organization_id, user_id),
    -- No action: a tier that goes away would move its members to the default tier, which may see more.
    foreign key (tier_id, organization_id) references public.tiers (id, organization_id)
);
create index idx_organization_members_user on public.organization_members (user_id);
alter table public.organization_members enable row level security;

create policy "members read who else is a member"
on public.organization_members for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

grant select on public.organization_members to authenticated;
grant select, insert, update, delete on public.organization_members to service_role;

create trigger zz_touch before update on public.organization_members
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Trigger: an organisation keeps an owner, whoever writes. It fires after the statement, which may take several owners
-- at once. The update that changes nothing makes two owners who leave at the same time wait for each other; a mere row
-- lock would not stop the second one under repeatable read, where it still sees the first.
create function app.keep_last_owner()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.organizations set is_active = is_active where id = old.organization_id and deleted_at is null;
    -- Deleted, or being deleted with all its members.
    if not found then
        return null;
    end if;
    if not exists (
        select from public.organization_members m where m.organization_id = old.organization_id and m.role = 'owner'
    ) then
        perform app.fail(
            'INVALID_STATE', 'The last owner cannot leave or be demoted. Make someone else an owner first.', 409,
            jsonb_build_object('reason', 'last_owner', 'organization_id', old.organization_id)
        );
    end if;
    return null;
end;
$$;

create trigger keep_last_owner_on_delete after delete on public.organization_members
for each row when (old.role = 'owner') execute function app.keep_last_owner();
create trigger keep_last_owner_on_update after update of role, organization_id on public.organization_members
for each row when (
    old.role = 'owner' and (new.role <> 'owner' or new.organization_id <> old.organization_id)
) execute function app.keep_last_owner();

-- Trigger: words for what the foreign key would refuse with a bare error.
create function app.keep_used_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_members integer;
begin
    if not exists (select from public.organizations o where o.id = old.organization_id) then
        return old;
    end if;
    select count(*) into v_members
    from public.organization_members m
    where m.organization_id = old.organization_id and m.tier_id = old.id;
    if v_members > 0 then
        perform app.fail(
            'INVALID_STATE', 'Move the members of this tier to another one first.', 409,
            jsonb_build_object('reason', 'tier_in_use', 'members', v_members)
        );
    end if;
    return old;
end;
$$;

create trigger keep_used_tier before delete on public.tiers
for each row execute function app.keep_used_tier();
