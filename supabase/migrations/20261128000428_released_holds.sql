-- Whoever gives up a hold is recorded in the log of its organisation: afterwards nothing else knows whose it was, because
-- holds leave no entry.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Gives up a hold of one's own: {id, organization_id}.
create or replace function public.release_hold(p_hold_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_hold public.reservations;
begin
    perform app.require_user();
    select * into v_hold
    from public.reservations r
    where r.id = p_hold_id and r.user_id = auth.uid() and r.status = 'hold';
    if not found or app.member_role(v_hold.organization_id) is null then
        perform app.fail('NOT_FOUND', 'There is no such hold.', 404);
    end if;
    perform app.require_aal2(v_hold.organization_id);
    perform app.lock_assets(array[v_hold.asset_id]);
    delete from public.reservations r where r.id = p_hold_id and r.status = 'hold';
    if found then
        perform app.advance_waitlist(v_hold.asset_id);
    end if;
    return jsonb_build_object('id', p_hold_id, 'organization_id', v_hold.organization_id);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
