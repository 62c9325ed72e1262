-- Takes back 20261122000382_organization_life.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger version_counts_entitlements on public.entitlements;
drop trigger version_counts_subscription on public.subscriptions;

drop function public.restore_organization(uuid);
drop function app.restore_obstacle(public.organizations);
drop function public.delete_organization(uuid, integer);
drop function app.count_subscription_change();
drop function public.get_organization(uuid);

-- As 20261122000160_accounts.sql made it.
create or replace function app.organization_json(p_organization public.organizations)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_organization) - 'deleted_at' || jsonb_build_object(
        'created_at', app.utc(p_organization.created_at),
        'updated_at', app.utc(p_organization.updated_at)
    )
$$;
