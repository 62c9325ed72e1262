-- Tells the relay that open streams may see something else now than when they were opened. Hints only: all grants are
-- asked again each minute, and what they answer holds all that a hint would have told.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- p_user_id null: everyone there.
create function app.announce_access(p_organization_id uuid, p_user_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform realtime.send(
        jsonb_build_object('organization_id', p_organization_id, 'user_id', p_user_id),
        'access_changed', 'calendar-events', true
    );
end;
$$;

create function app.announce_member_access()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op <> 'INSERT' then
        perform app.announce_access(old.organization_id, old.user_id);
    end if;
    if tg_op <> 'DELETE' and (new.organization_id, new.user_id) is distinct from (old.organization_id, old.user_id) then
        perform app.announce_access(new.organization_id, new.user_id);
    end if;
    return null;
end;
$$;
create trigger announce_access_on_join_or_leave after insert or delete on public.organization_members
    for each row execute function app.announce_member_access();
create trigger announce_access_on_change after update on public.organization_members
    for each row when (
        (old.organization_id, old.user_id, old.role, old.tier_id)
            is distinct from (new.organization_id, new.user_id, new.role, new.tier_id)
    )
    execute function app.announce_member_access();

-- How often something changed that concerns everyone in the organisation. A grant carries it, because its sections are the
-- same when an asset has left one of them. Not in app.event_counters: those are locked at commit only, in their order.
create table app.access_epochs (
    organization_id uuid primary key references public.organizations (id) on delete cascade,
    epoch bigint not null
);
alter table app.access_epochs enable row level security;

-- Of relations whose change concerns everyone in the organisation.
create function app.announce_organization_access()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_organization_id uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
begin
    insert into app.access_epochs as x (organization_id, epoch)
    values (v_organization_id, 1)
    on conflict (organization_id) do update set epoch = x.epoch + 1;
    perform app.announce_access(v_organization_id, null);
    return null;
end;
$$;
create trigger announce_access_on_sections after update of sections, is_default on public.tiers
    for each row when ((old.sections, old.is_default) is distinct from (new.sections, new.is_default))
    execute function app.announce_organization_access('organization_id');
-- Whoever had no tier saw all until there is a default one.
create trigger announce_access_on_first_default after insert on public.tiers
    for each row when (new.is_default and new.sections is not null)
    execute function app.announce_organization_access('organization_id');
create trigger announce_access_on_section after update of section on public.assets
    for each row when (old.section <> new.section)
    execute function app.announce_organization_access('organization_id');
create trigger announce_access_on_closing after update of is_active, deleted_at, require_mfa on public.organizations
    for each row when (
        (old.is_active, old.deleted_at, old.require_mfa) is distinct from (new.is_active, new.deleted_at, new.require_mfa)
    )
    execute function app.announce_organization_access('id');
