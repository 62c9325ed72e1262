-- Organisations and what they have paid for. Both are written by functions, the service and the dashboard only.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.organizations (
    id uuid primary key default gen_random_uuid(),
    legal_name text not null check (btrim(legal_name) <> '' and length(legal_name) <= 200),
    commercial_name text check (length(commercial_name) <= 200),
    ruc text check (length(ruc) <= 50),
    dv text check (length(dv) <= 4),
    billing_email text check (billing_email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and length(billing_email) <= 320),
    phone text check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    address jsonb check (jsonb_typeof(address) = 'object' and octet_length(address::text) <= 4096),
    logo_url text check (logo_url ~ '^https?://' and length(logo_url) <= 2048),
    timezone text not null default 'America/Panama',
    require_mfa boolean not null default false,
    is_active boolean not null default true,
    deleted_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
alter table public.organizations enable row level security;

create policy "members read their organizations"
on public.organizations for select to authenticated
using (id = any (array(select app.member_organizations())));

grant select on public.organizations to authenticated;
grant select, insert, update, delete on public.organizations to service_role;

create trigger zz_touch before update on public.organizations
for each row when (old.* is distinct from new.*) execute function app.touch();
create trigger time_zone_exists after insert or update of timezone on public.organizations
for each row execute function app.check_time_zone();

create table public.subscriptions (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null unique references public.organizations (id) on delete cascade,
    status public.subscription_status not null default 'trial',
    seat_limit integer not null default 5 check (seat_limit >= 1),
    trial_ends_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (id, organization_id)
);
alter table public.subscriptions enable row level security;

create policy "admins and owners read the subscription"
on public.subscriptions for select to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

grant select on public.subscriptions to authenticated;
grant select, insert, update, delete on public.subscriptions to service_role;

create trigger zz_touch before update on public.subscriptions
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Only entitled sections may get assets.
create table public.entitlements (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null,
    subscription_id uuid not null,
    section public.asset_section not null,
    is_active boolean not null default true,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (organization_id, section),
    foreign key (subscription_id, organization_id)
    references public.subscriptions (id, organization_id) on delete cascade
);
alter table public.entitlements enable row level security;

create policy "members read what their organization is entitled to"
on public.entitlements for select to authenticated
using (organization_id = any (array(select app.member_organizations())));

grant select on public.entitlements to authenticated;
grant select, insert, update, delete on public.entitlements to service_role;

create trigger zz_touch before update on public.entitlements
for each row when (old.* is distinct from new.*) execute function app.touch();
