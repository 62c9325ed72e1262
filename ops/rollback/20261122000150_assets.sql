-- Takes back 20261122000150_assets.sql.
-- Loses: public.assets, public.asset_photos (every asset). The photos' files stay in Storage.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop table public.asset_photos;
drop table public.assets;

drop function app.limit_photos();
drop function app.check_entitlement();
