-- The audit log: what was done, by whom, and when. It is written by triggers and by functions, read by admins and owners,
-- and changed by nobody: docs/audit.md says what that is worth against the owner of the tables.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- No foreign keys: what was done stays on the record when the person, the organisation or the thing is gone.
create table public.audit_logs (
    -- Of a request it is the BFF's, and makes a record that is sent twice one entry. Nothing is ever removed, so it holds
    -- for all time; partitions by created_at would keep it too, as (id, created_at): both come with the record.
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default clock_timestamp()
        constraint audit_logs_created_in_range check (created_at >= '1970-01-01 00:00+00' and created_at < '2200-01-01 00:00+00'),
    user_id uuid,
    -- Null: it belongs to no organisation, and to the platform's chain.
    organization_id uuid,
    action text not null constraint audit_logs_action_length check (char_length(action) between 1 and 100),
    resource_type text constraint audit_logs_resource_type_length check (char_length(resource_type) <= 100),
    resource_id uuid,
    ip_address inet,
    user_agent text constraint audit_logs_user_agent_length check (char_length(user_agent) <= 1000),
    request_method text constraint audit_logs_request_method_length check (char_length(request_method) <= 20),
    request_path text constraint audit_logs_request_path_length check (char_length(request_path) <= 2048),
    request_body jsonb,
    response_status smallint constraint audit_logs_response_status_range check (response_status between 0 and 999),
    error_message text constraint audit_logs_error_message_length check (char_length(error_message) <= 2000),
    -- Milliseconds. Not a float, whose text depends on a setting: the chain hashes texts.
    duration_ms numeric(12, 3) constraint audit_logs_duration_positive check (duration_ms >= 0),
    metadata jsonb not null default '{}'
        constraint audit_logs_metadata_object check (jsonb_typeof(metadata) = 'object')
);
alter table public.audit_logs enable row level security;

-- An organisation's log, newest first.
create index idx_audit_logs_org_time on public.audit_logs (organization_id, created_at desc, id desc);
-- What one person did there.
create index idx_audit_logs_org_user on public.audit_logs (organization_id, user_id, created_at desc, id desc)
    where user_id is not null;
-- The history of one thing; which organisation a thing belongs to, or belonged to.
create index idx_audit_logs_resource on public.audit_logs (resource_id, created_at desc, id desc)
    where resource_id is not null;
-- The request and the rows that it changed.
create index idx_audit_logs_request on public.audit_logs ((metadata ->> 'request_id'))
    where metadata ->> 'request_id' is not null;

-- Whether the caller has a second factor, confirmed once. An Auth server without MFA has no such table.
create function app.has_verified_factor()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if to_regclass('auth.mfa_factors') is null then
        return false;
    end if;
    return exists (
        select from auth.mfa_factors f where f.user_id = auth.uid() and f.status::text = 'verified'
    );
end;
$$;

-- The organisations whose audit log the caller may read now: as admin or owner, and with the second factor wherever
-- app.require_aal2 would ask for it. A set for the whole statement, where that would be asked for each row.
create function app.audited_organizations()
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_is_confirmed boolean := coalesce(auth.jwt() ->> 'aal', 'aal1') = 'aal2';
    v_has_factor boolean := not v_is_confirmed and app.has_verified_factor();
begin
    return query
        select m.organization_id
        from public.organization_members m
        join public.organizations o on o.id = m.organization_id
        where m.user_id = auth.uid() and m.role <= 'admin' and o.is_active and o.deleted_at is null
            and (v_is_confirmed or not (o.require_mfa or v_has_factor));
end;
$$;
grant execute on function app.audited_organizations() to authenticated;

create policy "admins and owners read their organization's audit log" on public.audit_logs
    for select to authenticated
    using (organization_id = any (array(select app.audited_organizations())));

-- Nothing else, and nothing for the service: what holds its key reads no office's log and writes by functions.
grant select on public.audit_logs to authenticated;

-- The entries that are not yet in a chain. Sealing takes from this set, never from a mark on the way: a transaction
-- that began earlier and commits later is sealed when it is there. The platform's chain has the nil id.
create table app.audit_unsealed (
    chain_id uuid not null,
    created_at timestamptz not null,
    entry_id uuid not null,
    -- Not created_at: a request's record may come hours late, and has then waited for seconds.
    waiting_since timestamptz not null default clock_timestamp(),
    primary key (chain_id, created_at, entry_id)
);
alter table app.audit_unsealed enable row level security;

create function app.chain_of(p_organization_id uuid)
returns uuid
language sql
immutable
parallel safe
as $$
    select coalesce(p_organization_id, '00000000-0000-0000-0000-000000000000')
$$;

-- Trigger: the log is appended to, by nobody changed. It also fires for the tables' owner and where triggers are
-- off for replication; an owner can take it away, and the chain then tells what was changed.
create function app.refuse_audit_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform app.fail('FORBIDDEN', 'The audit log is appended to, never changed.', 403, '{"reason": "append_only"}');
    return null;
end;
$$;
create trigger append_only before update or delete or truncate on public.audit_logs
    for each statement execute function app.refuse_audit_change();
alter table public.audit_logs enable always trigger append_only;

-- The request's id, where the change came by a request and the caller gave it one that is fit to be kept.
create function app.request_id()
returns text
language sql
stable
set search_path = ''
as $$
    select substring(
        nullif(current_setting('request.headers', true), '')::json ->> 'x-request-id' from '^[A-Za-z0-9._-]{1,128}$'
    )
$$;

-- Appends an entry about what is done in this transaction, and answers its id. Who: the token's person; the database's
-- login and role tell an edit in the dashboard, which has no person, from a request.
create function app.append_audit(
    p_organization_id uuid, p_action text, p_resource_type text, p_resource_id uuid, p_metadata jsonb
)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_id uuid := gen_random_uuid();
    v_at timestamptz := clock_timestamp();
begin
    insert into public.audit_logs (
        id, created_at, user_id, organization_id, action, resource_type, resource_id, request_method, request_path, metadata
    ) values (
        v_id, v_at, auth.uid(), p_organization_id, p_action, p_resource_type, p_resource_id,
        left(nullif(current_setting('request.method', true), ''), 20),
        left(nullif(current_setting('request.path', true), ''), 2048),
        p_metadata || jsonb_strip_nulls(jsonb_build_object(
            'request_id', app.request_id(),
            'session_user', session_user,
            'role', coalesce(nullif(current_setting('role', true), ''), 'none'),
            'transaction', pg_current_xact_id()::text
        ))
    );
    insert into app.audit_unsealed (chain_id, created_at, entry_id)
    values (app.chain_of(p_organization_id), v_at, v_id);
    return v_id;
end;
$$;

-- Whoever is or ever was a member, for as long as there is a log: only they can write into the organisation's chain by
-- what they request. No foreign keys, as in the log.
create table app.past_members (
    organization_id uuid not null,
    user_id uuid not null,
    primary key (organization_id, user_id)
);
alter table app.past_members enable row level security;
insert into app.past_members (organization_id, user_id)
select m.organization_id, m.user_id from public.organization_members m;

create function app.remember_member()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into app.past_members (organization_id, user_id)
    values (new.organization_id, new.user_id)
    on conflict do nothing;
    return null;
end;
$$;
create trigger remember_member after insert or update of organization_id, user_id on public.organization_members
    for each row execute function app.remember_member();
