-- Takes back 20261128000412_photo_second_factor.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    alter policy "photos are uploaded with the second factor that is demanded" on storage.objects
        with check (bucket_id <> 'asset-photos' or app.require_aal2(app.photo_organization(objects.name)));
    alter policy "photos are deleted with the second factor that is demanded" on storage.objects
        using (bucket_id <> 'asset-photos' or app.require_aal2(app.photo_organization(objects.name)));
end;
$$;

drop function app.passes_aal2(uuid);
