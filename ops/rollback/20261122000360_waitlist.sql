-- Takes back 20261122000360_waitlist.sql.
-- Loses: public.waitlist_entries (who waits for what). An offer's hold stays, and ends by itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger end_waiting on public.assets;
drop trigger end_waiting on public.profiles;
drop trigger end_waiting on public.organization_members;
drop trigger end_offer on public.reservations;
drop trigger settle_offer on public.reservations;

drop function app.enlist_displaced(public.reservations);
drop function app.advance_waitlist(uuid);
drop function app.offer_entry(public.waitlist_entries);
drop function app.waitlist_violations(public.waitlist_entries, public.assets);
drop function app.waitlist_json(public.waitlist_entries);

drop table public.waitlist_entries;
drop type public.waitlist_status;

drop function app.end_waiting_for_asset();
drop function app.end_waiting_of_deleted_person();
drop function app.end_waiting_of_member();
drop function app.end_offer_of_hold();
drop function app.settle_offer_of_hold();

-- As 20261122000344_holds.sql made it.
create or replace function app.replaceable_holds(p_asset_id uuid, p_user_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select r.id from public.reservations r
        where r.asset_id = p_asset_id and r.user_id = p_user_id and r.status = 'hold'
    );
end;
$$;
