-- What an organisation shares, and its photos. Admins write both directly; rows are hidden by the tier's sections.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.assets (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    section public.asset_section not null,
    name text not null check (btrim(name) <> '' and length(name) <= 200),
    description text check (length(description) <= 2000),
    details jsonb not null default '{}'
    check (jsonb_typeof(details) = 'object' and octet_length(details::text) <= 16384),
    timezone text not null default 'America/Panama',
    -- What a booking occupies beyond its end; a week at most.
    turnaround_minutes integer not null default 0 check (turnaround_minutes between 0 and 10080),
    -- Local times, for residences only.
    check_in time,
    check_out time,
    capacity integer check (capacity between 1 and 10000),
    current_location jsonb
    check (jsonb_typeof(current_location) = 'object' and octet_length(current_location::text) <= 4096),
    primary_photo_url text check (primary_photo_url ~ '^https?://' and length(primary_photo_url) <= 2048),
    is_active boolean not null default true,
    deleted_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint assets_check_in_of_residences
    check (section = 'residences' or (check_in is null and check_out is null)),
    -- The target of composite foreign keys, so that no row mixes organisations.
    constraint assets_id_organization_id_key unique (id, organization_id)
);
-- The list of an organisation's assets. The plan's idx_assets_search and idx_assets_details come with the search that
-- uses them: under row level security neither can serve a query of the table itself.
create index idx_assets_org_section on public.assets (organization_id, section);
alter table public.assets enable row level security;

create policy "members read the assets of the sections that their tier allows"
on public.assets for select to authenticated
using (
    organization_id = any (array(select app.member_organizations()))
    and (
        organization_id = any (array(select app.full_view_organizations()))
        or id in (select app.section_view_assets())
    )
    and (deleted_at is null or organization_id = any (array(select app.organizations_as('admin'))))
);

create policy "admins and owners add assets"
on public.assets for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change assets"
on public.assets for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "assets are added with the second factor that is demanded"
on public.assets as restrictive for insert to authenticated
with check (app.require_aal2(organization_id));

create policy "assets are changed with the second factor that is demanded"
on public.assets as restrictive for update to authenticated
with check (app.require_aal2(organization_id));

-- No delete: an asset is archived by its deleted_at, for its bookings' sake.
grant select on public.assets to authenticated;
grant insert (
    organization_id, section, name, description, details, timezone, turnaround_minutes, check_in, check_out, capacity,
    current_location, primary_photo_url, is_active
) on public.assets to authenticated;
grant update (
    section, name, description, details, timezone, turnaround_minutes, check_in, check_out, capacity,
    current_location, primary_photo_url, is_active, deleted_at
) on public.assets to authenticated;
grant select, insert, update, delete on public.assets to service_role;

create trigger zz_touch before update on public.assets
for each row when (old.* is distinct from new.*) execute function app.touch();
create trigger time_zone_exists after insert or update of timezone on public.assets
for each row execute function app.check_time_zone();

-- Trigger: only entitled sections get assets, by creation, by a change of section, or by restoring an archived one.
-- After the fact, so that row level security has spoken first and strangers learn nothing of the subscription.
create function app.check_entitlement()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select from public.entitlements e
        where e.organization_id = new.organization_id and e.section = new.section and e.is_active
    ) then
        perform app.fail(
            'FORBIDDEN', format('The subscription does not include %s.', new.section), 403,
            jsonb_build_object('reason', 'section_not_entitled', 'section', new.section)
        );
    end if;
    return null;
end;
$$;

create trigger section_is_entitled_on_insert after insert on public.assets
for each row execute function app.check_entitlement();
create trigger section_is_entitled_on_update after update of section, organization_id, deleted_at on public.assets
for each row when (
    old.section <> new.section
    or old.organization_id <> new.organization_id
    or (old.deleted_at is not null and new.deleted_at is null)
) execute function app.check_entitlement();

create table public.asset_photos (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null,
    asset_id uuid not null,
    url text not null check (url ~ '^https?://' and length(url) <= 2048),
    caption text check (length(caption) <= 500),
    display_order integer not null default 0 check (display_order >= 0),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    foreign key (asset_id, organization_id) references public.assets (id, organization_id) on delete cascade
);
create index asset_photos_asset on public.asset_photos (asset_id, display_order, id);
alter table public.asset_photos enable row level security;

-- An archived asset's photos show to those to whom the asset shows.
create policy "members read the photos of the assets that they see"
on public.asset_photos for select to authenticated
using (
    organization_id = any (array(select app.member_organizations()))
    and asset_id in (select a.id from public.assets a)
);

create policy "admins and owners add photos"
on public.asset_photos for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change photos"
on public.asset_photos for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners delete photos"
on public.asset_photos for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "photos are added with the second factor that is demanded"
on public.asset_photos as restrictive for insert to authenticated
with check (app.require_aal2(organization_id));

create policy "photos are changed with the second factor that is demanded"
on public.asset_photos as restrictive for update to authenticated
with check (app.require_aal2(organization_id));

create policy "photos are deleted with the second factor that is demanded"
on public.asset_photos as restrictive for delete to authenticated
using (app.require_aal2(organization_id));

grant select, delete on public.asset_photos to authenticated;
grant insert (organization_id, asset_id, url, caption, display_order) on public.asset_photos to authenticated;
grant update (url, caption, display_order) on public.asset_photos to authenticated;
grant select, insert, update, delete on public.asset_photos to service_role;

create trigger zz_touch before update on public.asset_photos
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Trigger: at most twenty photos an asset. Two who add the last one at once queue on the asset's row, and the count is a
-- statement of its own after the lock.
create function app.limit_photos()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform from public.assets a where a.id = new.asset_id for no key update;
    if (select count(*) from public.asset_photos p where p.asset_id = new.asset_id) > 20 then
        perform app.fail_fields(jsonb_build_array(
            app.field_error('photos', 'too_long', 'An asset has at most 20 photos.')
        ));
    end if;
    return null;
end;
$$;

create trigger limit_photos after insert or update of asset_id on public.asset_photos
for each row execute function app.limit_photos();
