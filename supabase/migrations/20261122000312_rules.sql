-- The rules under which an organisation's tiers book, and the days on which nobody does. Admins write them directly.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create type public.rule_type as enum (
    'date_range', 'holiday', 'lead_time', 'advance_window', 'duration', 'max_consecutive_days', 'quota',
    'consecutive_booking', 'concurrent_booking', 'max_open', 'custom'
);
create type public.rule_effect as enum ('deny', 'require_approval');
create type public.rule_approval_type as enum (
    'any_approver', 'all_principals', 'tier_members', 'specific_users', 'quorum'
);

create table public.tier_booking_rules (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    -- Null is every tier.
    tier_id uuid,
    name text not null check (btrim(name) <> '' and length(name) <= 200),
    description text check (length(description) <= 2000),
    rule_type public.rule_type not null,
    conditions jsonb not null default '{}'
    check (jsonb_typeof(conditions) = 'object' and octet_length(conditions::text) <= 16384),
    effect public.rule_effect not null default 'deny',
    -- Else those of tier_rule_assets, and while it has none, no asset.
    applies_to_all_assets boolean not null default true,
    -- Lower is evaluated first.
    priority integer not null default 100 check (priority between 0 and 1000000),
    is_override boolean not null default false,
    -- The roles that may set it aside, for a reason; exactly these, and none by default.
    overridable_by public.member_role[] not null default '{}'
    check (array_position(overridable_by, null) is null and cardinality(overridable_by) <= 5),
    is_active boolean not null default true,
    approval_type public.rule_approval_type not null default 'any_approver',
    approver_tier_id uuid,
    approver_user_ids uuid[]
    check (array_position(approver_user_ids, null) is null and cardinality(approver_user_ids) between 1 and 50),
    quorum integer check (quorum between 1 and 50),
    timeout_hours integer not null default 72 check (timeout_hours between 1 and 8784),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, organization_id),
    -- Deferred, so that app.check_rule can say first, and in words, that there is no such tier.
    foreign key (tier_id, organization_id) references public.tiers (id, organization_id)
    on delete cascade deferrable initially deferred,
    foreign key (approver_tier_id, organization_id) references public.tiers (id, organization_id)
    deferrable initially deferred
);
-- What judging reads and the list shows; what a deleted tier takes along or is kept by.
create index tier_booking_rules_organization on public.tier_booking_rules (organization_id, priority, id);
create index tier_booking_rules_tier on public.tier_booking_rules (tier_id) where tier_id is not null;
create index tier_booking_rules_approvers on public.tier_booking_rules (approver_tier_id)
    where approver_tier_id is not null;
alter table public.tier_booking_rules enable row level security;

create policy "members read the rules"
on public.tier_booking_rules for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

create policy "admins and owners add rules"
on public.tier_booking_rules for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change rules"
on public.tier_booking_rules for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners delete rules"
on public.tier_booking_rules for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "rules are added with the second factor where there is one"
on public.tier_booking_rules as restrictive for insert to authenticated
with check (app.require_aal2(organization_id, true));

create policy "rules are changed with the second factor where there is one"
on public.tier_booking_rules as restrictive for update to authenticated
with check (app.require_aal2(organization_id, true));

create policy "rules are deleted with the second factor where there is one"
on public.tier_booking_rules as restrictive for delete to authenticated
using (app.require_aal2(organization_id, true));

grant select, delete on public.tier_booking_rules to authenticated;
grant insert (
    organization_id, tier_id, name, description, rule_type, conditions, effect, applies_to_all_assets, priority,
    is_override, overridable_by, is_active, approval_type, approver_tier_id, approver_user_ids, quorum, timeout_hours
) on public.tier_booking_rules to authenticated;
grant update (
    tier_id, name, description, rule_type, conditions, effect, applies_to_all_assets, priority,
    is_override, overridable_by, is_active, approval_type, approver_tier_id, approver_user_ids, quorum, timeout_hours
) on public.tier_booking_rules to authenticated;
grant select, insert, update, delete on public.tier_booking_rules to service_role;

create trigger zz_touch before update on public.tier_booking_rules
for each row when (old.* is distinct from new.*) execute function app.touch();

-- The assets of a rule that is not for all.
create table public.tier_rule_assets (
    rule_id uuid not null,
    asset_id uuid not null,
    organization_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (rule_id, asset_id),
    foreign key (rule_id, organization_id) references public.tier_booking_rules (id, organization_id)
    on delete cascade deferrable initially deferred,
    foreign key (asset_id, organization_id) references public.assets (id, organization_id)
    on delete cascade deferrable initially deferred
);
create index tier_rule_assets_asset on public.tier_rule_assets (asset_id);
create index tier_rule_assets_organization on public.tier_rule_assets (organization_id);
alter table public.tier_rule_assets enable row level security;

create policy "members read which assets the rules are for"
on public.tier_rule_assets for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

create policy "admins and owners add assets to rules"
on public.tier_rule_assets for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners take assets from rules"
on public.tier_rule_assets for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "assets join rules with the second factor where there is one"
on public.tier_rule_assets as restrictive for insert to authenticated
with check (app.require_aal2(organization_id, true));

create policy "assets leave rules with the second factor where there is one"
on public.tier_rule_assets as restrictive for delete to authenticated
using (app.require_aal2(organization_id, true));

grant select, delete on public.tier_rule_assets to authenticated;
grant insert (rule_id, asset_id, organization_id) on public.tier_rule_assets to authenticated;
grant select, insert, update, delete on public.tier_rule_assets to service_role;

-- Trigger: which assets a rule is for is part of the rule, so its version counts these changes too; several in one
-- transaction count once.
create function app.touch_rule_of_asset()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.tier_booking_rules r
    set updated_at = now()
    where r.id = case when tg_op = 'DELETE' then old.rule_id else new.rule_id end;
    return null;
end;
$$;
create trigger touch_rule after insert or update or delete on public.tier_rule_assets
for each row execute function app.touch_rule_of_asset();

-- Days on which nobody of the tier (null: of any) books the asset (null: any), first and last included, local to each asset.
create table public.blackout_dates (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    tier_id uuid,
    asset_id uuid,
    start_date date not null check (start_date between '1970-01-01' and '2199-12-31'),
    end_date date not null check (end_date between '1970-01-01' and '2199-12-31'),
    reason text check (length(reason) <= 500),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint blackout_dates_order check (end_date >= start_date),
    foreign key (tier_id, organization_id) references public.tiers (id, organization_id)
    on delete cascade deferrable initially deferred,
    foreign key (asset_id, organization_id) references public.assets (id, organization_id)
    on delete cascade deferrable initially deferred
);
-- Past ones pile up: what has ended is not read.
create index blackout_dates_organization on public.blackout_dates (organization_id, end_date, start_date);
create index blackout_dates_tier on public.blackout_dates (tier_id) where tier_id is not null;
create index blackout_dates_asset on public.blackout_dates (asset_id) where asset_id is not null;
alter table public.blackout_dates enable row level security;

create policy "members read the blackout dates"
on public.blackout_dates for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

create policy "admins and owners add blackout dates"
on public.blackout_dates for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change blackout dates"
on public.blackout_dates for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners delete blackout dates"
on public.blackout_dates for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "blackouts are added with the second factor where there is one"
on public.blackout_dates as restrictive for insert to authenticated
with check (app.require_aal2(organization_id, true));

create policy "blackouts are changed with the second factor where there is one"
on public.blackout_dates as restrictive for update to authenticated
with check (app.require_aal2(organization_id, true));

create policy "blackouts are deleted with the second factor where there is one"
on public.blackout_dates as restrictive for delete to authenticated
using (app.require_aal2(organization_id, true));

grant select, delete on public.blackout_dates to authenticated;
grant insert (organization_id, tier_id, asset_id, start_date, end_date, reason) on public.blackout_dates to authenticated;
grant update (tier_id, asset_id, start_date, end_date, reason) on public.blackout_dates to authenticated;
grant select, insert, update, delete on public.blackout_dates to service_role;

create trigger zz_touch before update on public.blackout_dates
for each row when (old.* is distinct from new.*) execute function app.touch();
