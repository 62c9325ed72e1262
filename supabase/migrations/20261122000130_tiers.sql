-- Tiers order the members of an organisation and may narrow what they see. Admins write them directly.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.tiers (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    name text not null check (btrim(name) <> '' and length(name) <= 100),
    -- Lower is stronger.
    priority integer not null check (priority >= 0),
    color text check (color ~ '^#[0-9a-fA-F]{6}$'),
    description text check (length(description) <= 2000),
    can_override boolean not null default false,
    is_default boolean not null default false,
    -- The sections that its members see; null is all of them.
    sections public.asset_section[] check (array_position(sections, null) is null and cardinality(sections) <= 4),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (organization_id, priority),
    unique (id, organization_id)
);
create unique index tiers_one_default on public.tiers (organization_id) where is_default;
alter table public.tiers enable row level security;

create policy "members read the tiers"
on public.tiers for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

create policy "admins and owners add tiers"
on public.tiers for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change tiers"
on public.tiers for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners delete tiers"
on public.tiers for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "tiers are added with the second factor that is demanded"
on public.tiers as restrictive for insert to authenticated
with check (app.require_aal2(organization_id));

create policy "tiers are changed with the second factor that is demanded"
on public.tiers as restrictive for update to authenticated
with check (app.require_aal2(organization_id));

create policy "tiers are deleted with the second factor that is demanded"
on public.tiers as restrictive for delete to authenticated
using (app.require_aal2(organization_id));

grant select, delete on public.tiers to authenticated;
grant insert (organization_id, name, priority, color, description, can_override, is_default, sections)
on public.tiers to authenticated;
grant update (name, priority, color, description, can_override, is_default, sections)
on public.tiers to authenticated;
grant select, insert, update, delete on public.tiers to service_role;

create trigger zz_touch before update on public.tiers
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Trigger: a new default takes over from the old one.
create function app.replace_default_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.tiers
    set is_default = false
    where organization_id = new.organization_id and is_default and id <> new.id;
    return new;
end;
$$;

-- It fires before row level security has judged a new row; a refusal then takes the takeover back with the statement.
create trigger replace_default_tier before insert or update of is_default on public.tiers
for each row when (new.is_default) execute function app.replace_default_tier();

-- Trigger: the default tier is replaced, never just taken away, or members without a tier would fall under no tier at
-- all, and see everything.
create function app.keep_default_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if
        exists (select from public.organizations o where o.id = old.organization_id)
        and not exists (select from public.tiers t where t.organization_id = old.organization_id and t.is_default)
    then
        perform app.fail(
            'INVALID_STATE', 'Make another tier the default one first.', 409,
            jsonb_build_object('reason', 'default_tier')
        );
    end if;
    return null;
end;
$$;

-- At depth 0 only: the takeover above clears the old default before the new one is there.
create trigger keep_default_tier after delete or update of is_default on public.tiers
for each row when (old.is_default and pg_trigger_depth() = 0) execute function app.keep_default_tier();

-- A tier's limits on booking; null is no limit.
create table public.tier_rules (
    tier_id uuid primary key,
    organization_id uuid not null,
    max_days_per_month integer check (max_days_per_month between 0 and 31),
    max_consecutive_days integer check (max_consecutive_days between 1 and 366),
    min_lead_time_hours integer check (min_lead_time_hours between 0 and 8784),
    max_advance_days integer check (max_advance_days between 0 and 3660),
    requires_approval boolean not null default false,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (tier_id, organization_id) references public.tiers (id, organization_id) on delete cascade
);
create index tier_rules_organization on public.tier_rules (organization_id);
alter table public.tier_rules enable row level security;

create policy "members read the tiers' limits"
on public.tier_rules for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

create policy "admins and owners set the tiers' limits"
on public.tier_rules for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change the tiers' limits"
on public.tier_rules for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners lift the tiers' limits"
on public.tier_rules for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "limits are set with the second factor where there is one"
on public.tier_rules as restrictive for insert to authenticated
with check (app.require_aal2(organization_id, true));

create policy "limits are changed with the second factor where there is one"
on public.tier_rules as restrictive for update to authenticated
with check (app.require_aal2(organization_id, true));

create policy "limits are lifted with the second factor where there is one"
on public.tier_rules as restrictive for delete to authenticated
using (app.require_aal2(organization_id, true));

grant select, delete on public.tier_rules to authenticated;
grant insert (
    tier_id, organization_id, max_days_per_month, max_consecutive_days, min_lead_time_hours, max_advance_days,
    requires_approval
) on public.tier_rules to authenticated;
grant update (
    max_days_per_month, max_consecutive_days, min_lead_time_hours, max_advance_days, requires_approval
) on public.tier_rules to authenticated;
grant select, insert, update, delete on public.tier_rules to service_role;

create trigger zz_touch before update on public.tier_rules
for each row when (old.* is distinct from new.*) execute function app.touch();
