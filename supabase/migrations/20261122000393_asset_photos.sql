-- Where photos lie: a private bucket of Supabase Storage, a folder an asset.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- `<organization>/<asset>/<file>` and nothing deeper or shallower, by a name that asset_photos would take: the organisation
-- and the asset that a file belongs to, or null. Policies call them, on every row that is looked at.
create function app.photo_organization(p_name text)
returns uuid
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_name ~ '^[0-9a-f-]{36}/[0-9a-f-]{36}/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$' then
        app.parse_uuid(split_part(p_name, '/', 1))
    end
$$;
create function app.photo_asset(p_name text)
returns uuid
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_name ~ '^[0-9a-f-]{36}/[0-9a-f-]{36}/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$' then
        app.parse_uuid(split_part(p_name, '/', 2))
    end
$$;
grant execute on function app.parse_uuid(text), app.photo_organization(text), app.photo_asset(text) to authenticated;

-- A platform without Storage has no photos but those elsewhere on the web.
do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
    values ('asset-photos', 'asset-photos', false, 10485760, '{image/jpeg,image/png,image/webp,image/avif}')
    on conflict (id) do update
        set public = excluded.public, file_size_limit = excluded.file_size_limit,
            allowed_mime_types = excluded.allowed_mime_types;

    create policy "members read the photos of the assets that they see" on storage.objects
        for select to authenticated
        using (
            bucket_id = 'asset-photos'
            and exists (
                select from public.assets a
                where a.id = app.photo_asset(objects.name) and a.organization_id = app.photo_organization(objects.name)
            )
        );
    create policy "admins and owners upload photos of their assets" on storage.objects
        for insert to authenticated
        with check (
            bucket_id = 'asset-photos'
            and app.photo_organization(objects.name) = any (array(select app.organizations_as('admin')))
            and exists (
                select from public.assets a
                where a.id = app.photo_asset(objects.name) and a.organization_id = app.photo_organization(objects.name)
            )
        );
    create policy "admins and owners delete photos" on storage.objects
        for delete to authenticated
        using (
            bucket_id = 'asset-photos'
            and app.photo_organization(objects.name) = any (array(select app.organizations_as('admin')))
        );
    -- Other buckets are other people's business.
    create policy "photos are uploaded with the second factor that is demanded" on storage.objects
        as restrictive for insert to authenticated
        with check (bucket_id <> 'asset-photos' or app.require_aal2(app.photo_organization(objects.name)));
    create policy "photos are deleted with the second factor that is demanded" on storage.objects
        as restrictive for delete to authenticated
        using (bucket_id <> 'asset-photos' or app.require_aal2(app.photo_organization(objects.name)));
end;
$$;

-- Where a new photo of this asset is to be put, for admins and owners. Storage would refuse the same, but says no more than
-- that a policy did; and a name of ours cannot overwrite, guess or smuggle anything.
create function public.plan_photo_upload(p_asset_id uuid, p_content_type text, p_size integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    c_most constant integer := 20;
    c_bytes constant integer := 10485760;
    v_asset public.assets := app.visible_asset(p_asset_id);
    v_extension text := case p_content_type
        when 'image/jpeg' then 'jpg' when 'image/png' then 'png' when 'image/webp' then 'webp' when 'image/avif' then 'avif'
    end;
    v_errors jsonb := app.between_errors('size', coalesce(p_size, 0), 1, c_bytes);
begin
    perform app.require_member(v_asset.organization_id, 'admin');
    perform app.require_aal2(v_asset.organization_id);
    if v_extension is null then
        v_errors := v_errors || app.field_error(
            'content_type', 'enum', 'This must be image/jpeg, image/png, image/webp or image/avif.',
            '{"expected": ["image/jpeg", "image/png", "image/webp", "image/avif"]}'
        );
    end if;
    if (select count(*) from public.asset_photos p where p.asset_id = p_asset_id) >= c_most then
        v_errors := v_errors || app.field_error(
            'photos', 'too_long', format('An asset has at most %s photos.', c_most),
            jsonb_build_object('max_length', c_most)
        );
    end if;
    perform app.fail_fields(v_errors);
    return jsonb_build_object(
        'bucket', 'asset-photos',
        'path', concat_ws('/', v_asset.organization_id, v_asset.id, gen_random_uuid() || '.' || v_extension),
        'content_type', p_content_type
    );
end;
$$;
grant execute on function public.plan_photo_upload(uuid, text, integer) to authenticated;
