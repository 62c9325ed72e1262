-- Takes back 20261122000393_asset_photos.sql.
-- Loses: nothing. The bucket asset-photos and its files stay; nobody but the service may reach them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop policy if exists "photos are deleted with the second factor that is demanded" on storage.objects;
drop policy if exists "photos are uploaded with the second factor that is demanded" on storage.objects;
drop policy if exists "admins and owners delete photos" on storage.objects;
drop policy if exists "admins and owners upload photos of their assets" on storage.objects;
drop policy if exists "members read the photos of the assets that they see" on storage.objects;

drop function public.plan_photo_upload(uuid, text, integer);
drop function app.photo_asset(text);
drop function app.photo_organization(text);

revoke execute on function app.parse_uuid(text) from authenticated;
