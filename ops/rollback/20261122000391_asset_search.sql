-- Takes back 20261122000391_asset_search.sql.
-- Loses: app.asset_documents (made again from the assets by the migration).
-- Keeps: the extension unaccent, where something else uses it or it is somebody else's.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop index public.idx_assets_details;
drop trigger document_of_changed on public.assets;
drop trigger document_of_new on public.assets;

drop function public.search_assets(uuid, text, public.asset_section, text, integer, timestamptz, timestamptz, jsonb, text, integer, integer);
drop function app.search_errors(text, text, integer, timestamptz, timestamptz, jsonb, text, integer, integer);
drop function app.asset_json(public.assets);

drop table app.asset_documents;

drop function app.keep_asset_document();
drop function app.search_query(text);
drop function app.asset_document(text, text, jsonb);
drop function app.plain_words(text);

do $$
begin
    drop extension unaccent;
exception
    when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'extension unaccent stays: it is in use, or not ours';
end;
$$;
