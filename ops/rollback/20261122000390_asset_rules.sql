-- Takes back 20261122000390_asset_rules.sql.
-- Loses: photos that lie in Storage, which the former table cannot name: public.asset_photos, public.asset_photos.path.
-- Their files stay, and can be registered again.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

delete from public.asset_photos p where p.url is null;

drop trigger "0_source_exists" on public.asset_photos;
drop trigger fields_are_valid on public.asset_photos;
alter table public.asset_photos drop constraint asset_photos_path_key;
alter table public.asset_photos drop constraint asset_photos_path_of_asset;
alter table public.asset_photos drop constraint asset_photos_one_source;
drop trigger fields_are_valid on public.assets;

drop function app.check_photo_source();
drop function app.check_photo();
drop function app.photo_is_stored(text);
drop function app.check_asset();
drop function app.asset_errors(public.assets);
drop function app.between_errors(text, integer, integer, integer);
drop function app.object_errors(text, jsonb, integer);
drop function app.url_errors(text, text);
drop function app.column_errors(text, text, integer, boolean);

alter table public.asset_photos drop column path;

create trigger time_zone_exists after insert or update of timezone on public.assets
    for each row execute function app.check_time_zone();

alter table public.asset_photos alter column url set not null;
