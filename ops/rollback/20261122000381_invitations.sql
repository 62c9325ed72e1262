-- Takes back 20261122000381_invitations.sql.
-- Loses: public.invitations, app.invitation_tokens (every invitation; those that were sent cannot be accepted any more).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger revoke_invitations on public.profiles;
drop trigger revoke_invitations_on_update on public.organization_members;
drop trigger revoke_invitations_on_delete on public.organization_members;

drop function public.accept_invitation(text);
drop function app.own_invitation(text);
drop function public.revoke_invitation(uuid, uuid);
drop function public.list_invitations(uuid, text, integer, integer);
drop function public.create_invitation(uuid, jsonb);
drop function app.email_errors(jsonb, text);
drop function app.require_seat(uuid, integer, boolean);
drop function app.lock_seats(uuid);
drop function app.invitation_json(public.invitations);
drop function app.invitation_status(public.invitations);

drop table app.invitation_tokens;
drop table public.invitations;

drop function app.revoke_invitations_of_deleted_person();
drop function app.revoke_invitations_of_former_admin();

-- As 20261122000140_members.sql made it.
create or replace function app.keep_used_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_members integer;
begin
    if not exists (select from public.organizations o where o.id = old.organization_id) then
        return old;
    end if;
    select count(*) into v_members
    from public.organization_members m
    where m.organization_id = old.organization_id and m.tier_id = old.id;
    if v_members > 0 then
        perform app.fail(
            'INVALID_STATE', 'Move the members of this tier to another one first.', 409,
            jsonb_build_object('reason', 'tier_in_use', 'members', v_members)
        );
    end if;
    return old;
end;
$$;
