-- Takes back 20261122000380_members.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.update_member(uuid, uuid, jsonb, integer);
drop function app.lock_member(uuid, uuid, public.member_role, integer);
drop function app.role_errors(jsonb, public.member_role[]);
drop function app.tier_id_errors(uuid, jsonb, boolean);
drop function app.parse_uuid(text);
drop function app.page_bounds(integer, integer);
drop function public.list_members(uuid, public.member_role, uuid, integer, integer);
drop function app.member_json(public.organization_members, boolean);

-- As 20261122000160_accounts.sql made it.
create or replace function public.member_directory(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
begin
    return (
        select jsonb_agg(
            jsonb_build_object(
                'user_id', m.user_id, 'first_name', p.first_name, 'last_name', p.last_name,
                'avatar_url', p.avatar_url, 'role', m.role, 'tier_id', m.tier_id, 'joined_at', app.utc(m.joined_at)
            )
            || case when v_role <= 'manager' or m.user_id = auth.uid()
                then jsonb_build_object('email', p.email, 'phone', p.phone) else '{}' end
            order by m.role, p.last_name, p.first_name, m.user_id
        )
        from public.organization_members m
        join public.profiles p on p.id = m.user_id
        where m.organization_id = p_organization_id
    );
end;
$$;
