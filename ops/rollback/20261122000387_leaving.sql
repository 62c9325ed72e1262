-- Takes back 20261122000387_leaving.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger keep_members_with_bookings_on_move on public.organization_members;
drop trigger keep_members_with_bookings_on_delete on public.organization_members;

drop function app.keep_members_with_bookings();
drop function public.remove_member(uuid, uuid, text, uuid, integer);
drop function app.ask_approval_anew(public.reservations);
drop function app.transfer_bookings(uuid[], uuid, uuid);
drop function app.removal_errors(uuid, uuid, text, uuid);
drop function app.drop_holds(uuid, uuid, uuid[]);
drop function app.lock_bookings_of(uuid, uuid, uuid);
drop function app.fail_future_bookings(bigint);

-- As 20261122000200_reservations.sql made it.
create or replace function app.release_bookings_of_deleted_person()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.reservations r
    set status = 'canceled', canceled_at = now()
    where r.user_id = old.id and r.end_date > now()
        and (r.status = 'hold' or app.holds_slot(r.status));
    return old;
end;
$$;
