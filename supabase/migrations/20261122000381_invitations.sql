-- Invitations: how someone becomes a member. The token is shown once, to whoever invites; what is kept is its hash, out of
-- the API's reach.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.invitations (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references public.organizations (id) on delete cascade,
    email text not null constraint invitations_email_address
        check (email = lower(email) and email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' and length(email) <= 254),
    -- An owner is made by an owner, of someone who is there.
    role public.member_role not null default 'member' constraint invitations_role check (role <> 'owner'),
    -- Null means the default tier at the time of acceptance.
    tier_id uuid,
    message text constraint invitations_message_length check (char_length(message) <= 500),
    invited_by uuid references public.profiles (id) on delete set null,
    expires_at timestamptz not null default now() + interval '168 hours',
    accepted_at timestamptz,
    accepted_by uuid references public.profiles (id) on delete set null,
    revoked_at timestamptz,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint invitations_one_end check (accepted_at is null or revoked_at is null),
    -- Only of closed ones: a tier that an open one names is not deleted (app.keep_used_tier).
    constraint invitations_tier_fkey foreign key (tier_id, organization_id)
        references public.tiers (id, organization_id) on delete set null (tier_id)
);
-- A new one replaces the old; an expired one is closed by that too.
create unique index invitations_one_open on public.invitations (organization_id, email)
    where accepted_at is null and revoked_at is null;
create index invitations_organization on public.invitations (organization_id, created_at desc, id);
create index invitations_tier on public.invitations (tier_id) where tier_id is not null;
create index invitations_invited_by on public.invitations (invited_by) where invited_by is not null;
create index invitations_accepted_by on public.invitations (accepted_by) where accepted_by is not null;
alter table public.invitations enable row level security;

create policy "admins and owners read invitations" on public.invitations
    for select to authenticated
    using (organization_id = any (array(select app.organizations_as('admin'))));

-- Written by functions only.
grant select on public.invitations to authenticated;
grant select, insert, update, delete on public.invitations to service_role;

create trigger zz_touch before update on public.invitations
    for each row when (old.* is distinct from new.*) execute function app.touch();

create table app.invitation_tokens (
    -- sha256. The token has 256 random bits: nothing is gained by a slow hash.
    hash bytea primary key,
    invitation_id uuid not null unique references public.invitations (id) on delete cascade
);
alter table app.invitation_tokens enable row level security;

create function app.invitation_status(p_row public.invitations)
returns text
language sql
stable
set search_path = ''
as $$
    select case
        when p_row.accepted_at is not null then 'accepted'
        when p_row.revoked_at is not null then 'revoked'
        when p_row.expires_at <= now() then 'expired'
        else 'open'
    end
$$;

create function app.invitation_json(p_row public.invitations)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(p_row) || jsonb_build_object(
        'status', app.invitation_status(p_row),
        'tier', app.tier_json(p_row.organization_id, p_row.tier_id),
        'invited_by_name', app.person_name(p_row.invited_by),
        'expires_at', app.utc(p_row.expires_at), 'accepted_at', app.utc(p_row.accepted_at),
        'revoked_at', app.utc(p_row.revoked_at),
        'created_at', app.utc(p_row.created_at), 'updated_at', app.utc(p_row.updated_at)
    )
$$;

-- The seats of an organisation, locked until the end of the transaction: of two who want the last one, the second waits
-- here and then counts the first.
create function app.lock_seats(p_organization_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_subscription public.subscriptions;
begin
    select s.* into v_subscription
    from public.subscriptions s
    where s.organization_id = p_organization_id
    for no key update;
    if not found or v_subscription.status = 'canceled' then
        perform app.fail(
            'INVALID_STATE', 'The subscription has been canceled.', 409,
            jsonb_build_object('reason', 'subscription_canceled')
        );
    end if;
    return v_subscription.seat_limit;
end;
$$;

-- Raises INVALID_STATE where no seat is left. Under app.lock_seats, in a statement after it.
create function app.require_seat(p_organization_id uuid, p_seat_limit integer, p_count_invitations boolean)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_members bigint := (
        select count(*) from public.organization_members m where m.organization_id = p_organization_id
    );
    v_open bigint := (
        select count(*) from public.invitations i
        where p_count_invitations and i.organization_id = p_organization_id
            and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
    );
begin
    if v_members + v_open >= p_seat_limit then
        perform app.fail(
            'INVALID_STATE', format('All %s seats of the subscription are taken.', p_seat_limit), 409,
            jsonb_build_object(
                'reason', 'seat_limit', 'seat_limit', p_seat_limit, 'members', v_members, 'invitations', v_open
            )
        );
    end if;
end;
$$;

create function app.email_errors(p_object jsonb, p_key text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := app.text_errors(p_object, p_key, 254);
begin
    if v_errors = '[]' and btrim(p_object ->> p_key) !~ '^[^@\s]+@[^@\s]+\.[^@\s]+$' then
        v_errors := jsonb_build_array(app.field_error(
            p_key, 'value_error', 'This must be an email address.', '{"format": "email"}'
        ));
    end if;
    return v_errors;
end;
$$;

-- Invites an address, for admins and owners: {email, role, tier_id, message}. The answer holds the token, this once; there
-- is no idempotency key, for a kept answer would keep the token. An open invitation of the same address is replaced.
create function public.create_invitation(p_organization_id uuid, p_invitation jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_email text;
    v_errors jsonb;
    v_seats integer;
    v_row public.invitations;
    -- base64url of 32 bytes, without padding.
    v_token text := rtrim(translate(encode(extensions.gen_random_bytes(32), 'base64'), '+/', '-_'), '=');
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    v_errors := app.key_errors(p_invitation, '{email,role,tier_id,message}', '{email}');
    if jsonb_typeof(p_invitation) = 'object' then
        v_errors := v_errors || app.email_errors(p_invitation, 'email')
            || app.role_errors(p_invitation, '{admin,manager,member,viewer}')
            || app.text_errors(p_invitation, 'message', 500)
            || app.tier_id_errors(p_organization_id, p_invitation);
    end if;
    perform app.fail_fields(v_errors);
    v_email := lower(btrim(p_invitation ->> 'email'));

    -- Shared, so that whoever demotes or removes the caller waits for us: app.revoke_invitations_of_former_admin would not
    -- see this one otherwise. Whom that has happened to while we waited invites nobody.
    perform from public.organization_members m
    where m.organization_id = p_organization_id and m.user_id = auth.uid()
    for share;
    v_seats := app.lock_seats(p_organization_id);
    perform app.require_member(p_organization_id, 'admin');
    if exists (
        select from public.organization_members m
        join public.profiles p on p.id = m.user_id
        where m.organization_id = p_organization_id and lower(p.email) = v_email
    ) then
        perform app.fail(
            'INVALID_STATE', 'This person is a member already.', 409, jsonb_build_object('reason', 'already_member')
        );
    end if;
    update public.invitations i
    set revoked_at = now()
    where i.organization_id = p_organization_id and i.email = v_email
        and i.accepted_at is null and i.revoked_at is null;
    perform app.require_seat(p_organization_id, v_seats, true);

    insert into public.invitations (organization_id, email, role, tier_id, message, invited_by)
    values (
        p_organization_id, v_email, coalesce((p_invitation ->> 'role')::public.member_role, 'member'),
        (p_invitation ->> 'tier_id')::uuid, btrim(p_invitation ->> 'message'), auth.uid()
    )
    returning * into v_row;
    insert into app.invitation_tokens (hash, invitation_id)
    values (sha256(convert_to(v_token, 'UTF8')), v_row.id);
    return app.invitation_json(v_row) || jsonb_build_object('token', v_token);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_invitation(uuid, jsonb) to authenticated;

-- A page of the invitations, newest first, for admins and owners: {items, total}.
create function public.list_invitations(
    p_organization_id uuid, p_status text default null, p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page record := app.page_bounds(p_page, p_page_size);
begin
    perform app.require_member(p_organization_id, 'admin');
    return (
        with found as (
            select i as invitation, i.created_at, i.id
            from public.invitations i
            where i.organization_id = p_organization_id
                and (p_status is null or app.invitation_status(i) = p_status)
        )
        select jsonb_build_object(
            'total', (select count(*) from found),
            'items', coalesce(
                (
                    select jsonb_agg(app.invitation_json(f.invitation) order by f.created_at desc, f.id)
                    from (
                        select * from found order by created_at desc, id limit v_page.size offset v_page.skip
                    ) f
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_invitations(uuid, text, integer, integer) to authenticated;

-- Takes an invitation back, for admins and owners; one that was taken back already stays so.
create function public.revoke_invitation(p_organization_id uuid, p_invitation_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.invitations;
begin
    perform app.require_member(p_organization_id, 'admin');
    perform app.require_aal2(p_organization_id, true);
    select i.* into v_row
    from public.invitations i
    where i.id = p_invitation_id and i.organization_id = p_organization_id
    for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such invitation.', 404);
    elsif v_row.accepted_at is not null then
        perform app.fail(
            'INVALID_STATE', 'The invitation has been accepted already.', 409,
            jsonb_build_object('reason', 'invitation_accepted')
        );
    end if;
    update public.invitations i
    set revoked_at = coalesce(i.revoked_at, now())
    where i.id = v_row.id
    returning i.* into v_row;
    return app.invitation_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.revoke_invitation(uuid, uuid) to authenticated;

-- The invitation of this token, if it was made for the caller, whose address must be verified. A token that is wrong, and
-- one that is somebody else's, are the same: there is none.
create function app.own_invitation(p_token text)
returns public.invitations
language plpgsql
stable
set search_path = ''
as $$
declare
    v_email text;
    v_row public.invitations;
begin
    select lower(u.email) into v_email
    from auth.users u
    where u.id = auth.uid() and u.email_confirmed_at is not null;
    if not found then
        -- Said before the token is looked at: it tells nothing about any invitation.
        perform app.fail(
            'FORBIDDEN', 'Confirm your email address first.', 403, jsonb_build_object('reason', 'email_unverified')
        );
    end if;
    select i.* into v_row
    from app.invitation_tokens t
    join public.invitations i on i.id = t.invitation_id
    join public.organizations o on o.id = i.organization_id
    where t.hash = sha256(convert_to(p_token, 'UTF8')) and i.email = v_email
        and o.is_active and o.deleted_at is null;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such invitation for your address.', 404);
    end if;
    return v_row;
end;
$$;

-- Joins the organisation that this token invites to: once, by the address that was invited, while a seat is left.
create function public.accept_invitation(p_token text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.invitations;
    v_seats integer;
    v_status text;
begin
    perform app.require_user();
    v_row := app.own_invitation(p_token);
    v_seats := app.lock_seats(v_row.organization_id);
    select i.* into v_row from public.invitations i where i.id = v_row.id for no key update;
    -- Of two who accept at once, the second waits above and sees here what the first has made of it.
    v_status := app.invitation_status(v_row);
    if v_status <> 'open' then
        perform app.fail(
            'INVALID_STATE', format('The invitation is %s.', v_status), 409,
            jsonb_build_object('reason', 'invitation_' || v_status)
        );
    end if;
    perform app.require_seat(v_row.organization_id, v_seats, false);
    insert into public.organization_members (organization_id, user_id, role, tier_id)
    values (v_row.organization_id, auth.uid(), v_row.role, v_row.tier_id)
    on conflict (organization_id, user_id) do nothing;
    if not found then
        perform app.fail(
            'INVALID_STATE', 'You are a member already.', 409, jsonb_build_object('reason', 'already_member')
        );
    end if;
    update public.invitations i
    set accepted_at = now(), accepted_by = auth.uid()
    where i.id = v_row.id;
    -- After the fact, for it asks nothing of those who are no members; a refusal takes all of it back.
    perform app.require_aal2(v_row.organization_id, true);
    return (
        select jsonb_build_object(
            'organization', jsonb_build_object(
                'id', o.id, 'commercial_name', o.commercial_name, 'legal_name', o.legal_name,
                'logo_url', o.logo_url, 'timezone', o.timezone
            ),
            'role', v_row.role,
            'tier', app.tier_json(o.id, v_row.tier_id),
            'joined_at', app.utc(now())
        )
        from public.organizations o
        where o.id = v_row.organization_id
    );
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.accept_invitation(text) to authenticated;

-- Trigger: an invitation is as good as the right of whoever made it. An admin who is removed must not come back by an
-- invitation that they sent themselves.
create function app.revoke_invitations_of_former_admin()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.invitations i
    set revoked_at = now()
    where i.organization_id = old.organization_id and i.invited_by = old.user_id
        and i.accepted_at is null and i.revoked_at is null;
    return null;
end;
$$;
create trigger revoke_invitations_on_delete after delete on public.organization_members
    for each row when (old.role <= 'admin') execute function app.revoke_invitations_of_former_admin();
create trigger revoke_invitations_on_update after update of role, organization_id, user_id on public.organization_members
    for each row when (
        old.role <= 'admin'
        and (new.role > 'admin' or (new.organization_id, new.user_id) <> (old.organization_id, old.user_id))
    ) execute function app.revoke_invitations_of_former_admin();

-- The same where the person is deleted: before the foreign key makes it nobody's invitation.
create function app.revoke_invitations_of_deleted_person()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.invitations i
    set revoked_at = now()
    where i.invited_by = old.id and i.accepted_at is null and i.revoked_at is null;
    return old;
end;
$$;
create trigger revoke_invitations before delete on public.profiles
    for each row execute function app.revoke_invitations_of_deleted_person();

-- Trigger: words for what the foreign key would refuse with a bare error, and for open invitations, whose tier would else
-- become the default one, which may see more.
create or replace function app.keep_used_tier()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_members bigint;
    v_invitations bigint;
begin
    if not exists (select from public.organizations o where o.id = old.organization_id) then
        return old;
    end if;
    select count(*) into v_members
    from public.organization_members m
    where m.organization_id = old.organization_id and m.tier_id = old.id;
    select count(*) into v_invitations
    from public.invitations i
    where i.tier_id = old.id and i.accepted_at is null and i.revoked_at is null and i.expires_at > now();
    if v_members + v_invitations > 0 then
        perform app.fail(
            'INVALID_STATE', 'Move the members of this tier, and whoever is invited to it, to another one first.', 409,
            jsonb_build_object('reason', 'tier_in_use', 'members', v_members)
                || case when v_invitations > 0 then jsonb_build_object('invitations', v_invitations) else '{}' end
        );
    end if;
    return old;
end;
$$;
