-- The chains: each entry of the log is sealed into the chain of its organisation, or of the platform, after its commit,
-- so that nobody who books or edits waits for it. docs/audit.md has the form to the byte.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A link says which entry stands at a position; its hash covers the entry and the link before. No foreign keys.
create table app.audit_chain (
    chain_id uuid not null,
    position bigint not null constraint audit_chain_position_positive check (position > 0),
    entry_id uuid not null constraint audit_chain_entry_once unique,
    sealed_at timestamptz not null,
    previous_hash bytea not null,
    hash bytea not null,
    primary key (chain_id, position)
);
alter table app.audit_chain enable row level security;
create trigger append_only before update or delete or truncate on app.audit_chain
    for each statement execute function app.refuse_audit_change();
alter table app.audit_chain enable always trigger append_only;

-- Where a chain ends.
create table app.audit_heads (
    chain_id uuid primary key,
    position bigint not null default 0,
    -- What stands before the first link.
    hash bytea not null default decode(repeat('00', 32), 'hex'),
    sealed_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
alter table app.audit_heads enable row level security;

-- A value in a hashed text: its length in bytes, a colon, itself; a dash where it is null. No two lists of values make
-- one text. Without a SET clause and with a cast to text (`||` of an integer is only stable), so that queries see through it.
create function app.audit_field(p_value text)
returns text
language sql
immutable
parallel safe
as $$
    select coalesce(octet_length(p_value)::text || ':' || p_value, '-') || chr(10)
$$;

create function app.audit_digest(p_entry public.audit_logs)
returns bytea
language sql
stable
parallel safe
as $$
    select sha256(convert_to(
        'reservepty.audit.entry.1' || chr(10)
        || app.audit_field(p_entry.id::text) || app.audit_field(app.utc(p_entry.created_at))
        || app.audit_field(p_entry.user_id::text) || app.audit_field(p_entry.organization_id::text)
        || app.audit_field(p_entry.action) || app.audit_field(p_entry.resource_type)
        || app.audit_field(p_entry.resource_id::text) || app.audit_field(abbrev(p_entry.ip_address))
        || app.audit_field(p_entry.user_agent) || app.audit_field(p_entry.request_method)
        || app.audit_field(p_entry.request_path) || app.audit_field(p_entry.request_body::text)
        || app.audit_field(p_entry.response_status::text) || app.audit_field(p_entry.error_message)
        || app.audit_field(p_entry.duration_ms::text) || app.audit_field(p_entry.metadata::text),
        'UTF8'
    ))
$$;

create function app.audit_link_hash(
    p_chain_id uuid, p_position bigint, p_sealed_at timestamptz, p_previous_hash bytea, p_digest bytea
)
returns bytea
language sql
stable
parallel safe
as $$
    select sha256(convert_to(
        'reservepty.audit.link.1' || chr(10)
        || app.audit_field(p_chain_id::text) || app.audit_field(p_position::text) || app.audit_field(app.utc(p_sealed_at))
        || app.audit_field(encode(p_previous_hash, 'hex')) || app.audit_field(encode(p_digest, 'hex')),
        'UTF8'
    ))
$$;

-- Takes up to p_limit entries, the oldest first, out of the set of what waits for a chain, and answers those to be linked, in
-- their order, with their digests. What was removed before it was sealed stays in the set, where verification finds it. What
-- has a link already, or belongs to another chain, was put there by hand: it goes, or it would stop the chain for good.
-- By the indexes, an entry after the other, whatever the planner believes: the set is empty whenever it is analysed, and
-- full when sealing was away; a join that reads it whole for each entry took hours.
create function app.take_unsealed(p_chain_id uuid, p_limit integer, out entry_ids uuid[], out digests bytea[])
language plpgsql
set search_path = ''
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_until timestamptz;
    v_last_id uuid;
    v_strays bigint;
begin
    -- The last to be taken, then all up to it: no join of the set with itself, whose plan would depend on statistics. What
    -- commits in between is taken too, a few more than p_limit.
    select u.created_at, u.entry_id into v_until, v_last_id
    from app.audit_unsealed u
    where u.chain_id = p_chain_id and exists (select from public.audit_logs l where l.id = u.entry_id)
    order by u.created_at, u.entry_id
    offset p_limit - 1
    limit 1;
    with taken as (
        delete from app.audit_unsealed u
        where u.chain_id = p_chain_id and (v_until is null or (u.created_at, u.entry_id) <= (v_until, v_last_id))
            and exists (select from public.audit_logs l where l.id = u.entry_id)
        returning u.entry_id
    ), judged as (
        select l as entry, c.entry_id is not null or app.chain_of(l.organization_id) <> p_chain_id as is_stray
        from taken t
        join public.audit_logs l on l.id = t.entry_id
        left join app.audit_chain c on c.entry_id = t.entry_id
    )
    select
        array_agg((j.entry).id order by (j.entry).created_at, (j.entry).id) filter (where not j.is_stray),
        array_agg(app.audit_digest(j.entry) order by (j.entry).created_at, (j.entry).id) filter (where not j.is_stray),
        count(*) filter (where j.is_stray)
    into entry_ids, digests, v_strays
    from judged j;
    if v_strays > 0 then
        raise warning '% entries waited for the audit chain % that are not to be sealed there', v_strays, p_chain_id;
    end if;
end;
$$;

-- Links entries to a chain, from its head on.
create function app.link_entries(p_head app.audit_heads, p_entry_ids uuid[], p_digests bytea[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_sealed_at timestamptz := clock_timestamp();
    v_count integer := cardinality(p_entry_ids);
    v_hash bytea := p_head.hash;
    v_hashes bytea[] := array[v_hash];
begin
    for i in 1..v_count loop
        v_hash := app.audit_link_hash(p_head.chain_id, p_head.position + i, v_sealed_at, v_hash, p_digests[i]);
        v_hashes := v_hashes || v_hash;
    end loop;
    -- Not by subscripts: in a query each of them goes through the array from its beginning.
    insert into app.audit_chain (chain_id, position, entry_id, sealed_at, previous_hash, hash)
    select p_head.chain_id, p_head.position + n.place, n.entry_id, v_sealed_at, n.previous_hash, n.hash
    from unnest(p_entry_ids, v_hashes[:v_count], v_hashes[2:])
        with ordinality as n(entry_id, previous_hash, hash, place);
    update app.audit_heads h
    set position = p_head.position + v_count, hash = v_hash, sealed_at = v_sealed_at
    where h.chain_id = p_head.chain_id;
end;
$$;

-- Seals up to p_limit entries of one chain, the oldest first, and answers how many. One at a time seals a chain: another
-- one leaves at once, or with p_wait comes after.
create function app.seal_chain(p_chain_id uuid, p_limit integer, p_wait boolean default false)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_lock bigint := hashtextextended('audit_chain:' || p_chain_id, 0);
    v_head app.audit_heads;
    v_taken record;
begin
    if p_wait then
        perform pg_advisory_xact_lock(v_lock);
    elsif not pg_try_advisory_xact_lock(v_lock) then
        return 0;
    end if;
    insert into app.audit_heads (chain_id) values (p_chain_id) on conflict do nothing;
    select h.* into v_head from app.audit_heads h where h.chain_id = p_chain_id for no key update;
    v_taken := app.take_unsealed(p_chain_id, p_limit);
    if v_taken.entry_ids is null then
        return 0;
    end if;
    perform app.link_entries(v_head, v_taken.entry_ids, v_taken.digests);
    return cardinality(v_taken.entry_ids);
exception
    -- What a head that was tampered with comes to, or an entry: verification will say so, and the other chains go on.
    when unique_violation or check_violation or not_null_violation or numeric_value_out_of_range
        or datetime_field_overflow or program_limit_exceeded then
        raise warning 'the audit chain % cannot be continued', p_chain_id;
        return 0;
end;
$$;

-- Seals what is committed, up to p_limit entries of all chains together, the chain that has waited longest first.
-- For the schedule, every few seconds; twice at once is no harm. The default is what some ten seconds allow, so that a
-- schedule of ten seconds keeps up with whatever can be written.
create function public.seal_audit_logs(p_limit integer default 100000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_chain_id uuid;
    v_sealed integer := 0;
begin
    for v_chain_id in
        -- From chain to chain by the index: there may be many entries and few chains.
        with recursive waiting as (
            (select u.chain_id, u.created_at from app.audit_unsealed u order by u.chain_id, u.created_at limit 1)
            union all
            select further.chain_id, further.created_at
            from waiting w
            cross join lateral (
                select u.chain_id, u.created_at
                from app.audit_unsealed u
                where u.chain_id > w.chain_id
                order by u.chain_id, u.created_at
                limit 1
            ) further
        )
        select w.chain_id from waiting w order by w.created_at, w.chain_id
    loop
        exit when v_sealed >= p_limit;
        v_sealed := v_sealed + app.seal_chain(v_chain_id, p_limit - v_sealed);
    end loop;
    return v_sealed;
end;
$$;
grant execute on function public.seal_audit_logs(integer) to service_role;

create function app.head_json(p_chain_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'position', coalesce(h.position, 0), 'hash', encode(coalesce(h.hash, decode(repeat('00', 32), 'hex')), 'hex'),
        'sealed_at', app.utc(h.sealed_at)
    )
    from (select) one
    left join app.audit_heads h on h.chain_id = p_chain_id
$$;

-- Reads the links at the positions from p_from to p_to: {read, problem}, how many there are, and the first thing that is
-- wrong or null: {kind, position, entry_id}.
-- missing_link: no link stands at the position. broken_link: it does not continue the one before. missing_entry: its entry
-- is gone. changed_entry: the entry, or the link, is not what was sealed.
create function app.read_links(p_chain_id uuid, p_from bigint, p_to bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
    with links as (
        select
            c.*,
            lag(c.position) over (order by c.position) as before_position,
            lag(c.hash) over (order by c.position) as before_hash
        from app.audit_chain c
        where c.chain_id = p_chain_id and c.position between p_from - 1 and p_to
    ), judged as (
        select k.position, k.before_position, k.entry_id, case
            when k.position - coalesce(k.before_position, p_from - 1) <> 1 then 'missing_link'
            when k.previous_hash <> coalesce(k.before_hash, decode(repeat('00', 32), 'hex')) then 'broken_link'
            when l.id is null then 'missing_entry'
            when app.chain_of(l.organization_id) <> p_chain_id
                or k.hash <> app.audit_link_hash(
                    p_chain_id, k.position, k.sealed_at, k.previous_hash, app.audit_digest(l)
                ) then 'changed_entry'
        end as kind
        from links k
        left join public.audit_logs l on l.id = k.entry_id
        -- The link before the first is there to be continued, and was judged with its own range.
        where k.position >= p_from
    ), first as (
        select j.kind, j.entry_id, case
            when j.kind = 'missing_link' then coalesce(j.before_position, p_from - 1) + 1
            else j.position
        end as position
        from judged j
        where j.kind is not null
        order by j.position
        limit 1
    ), counted as (
        select count(*) as read, coalesce(max(j.position), p_from - 1) as last from judged j
    )
    select jsonb_build_object('read', c.read, 'problem', case
        when f.kind is not null then jsonb_build_object(
            'kind', f.kind, 'position', f.position, 'entry_id', case when f.kind <> 'missing_link' then f.entry_id end
        )
        -- Whatever is there is right, and ends too soon.
        when c.last < p_to then jsonb_build_object('kind', 'missing_link', 'position', c.last + 1, 'entry_id', null)
    end)
    from counted c
    left join first f on true
$$;

-- What is wrong with what waits for a chain, or null. missing_entry: one that was removed before it was sealed. stalled: one
-- that has waited for long, or one that cannot be waiting, because it has its link or belongs elsewhere.
-- By the indexes, for the reason of app.take_unsealed.
create function app.waiting_problem(p_chain_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
declare
    -- Sealing comes every few seconds, and takes what waited for hours within a minute or two.
    c_patience constant interval := '10 minutes';
    v_entry_id uuid;
begin
    select u.entry_id into v_entry_id
    from app.audit_unsealed u
    where u.chain_id = p_chain_id and not exists (select from public.audit_logs l where l.id = u.entry_id)
    limit 1;
    if found then
        return jsonb_build_object('kind', 'missing_entry', 'position', null, 'entry_id', v_entry_id);
    end if;
    select u.entry_id into v_entry_id
    from app.audit_unsealed u
    where u.chain_id = p_chain_id and (
        u.waiting_since < clock_timestamp() - c_patience
        or exists (select from app.audit_chain c where c.entry_id = u.entry_id)
        or not exists (
            select from public.audit_logs l where l.id = u.entry_id and app.chain_of(l.organization_id) = p_chain_id
        )
    )
    order by u.waiting_since
    limit 1;
    if found then
        return jsonb_build_object('kind', 'stalled', 'position', null, 'entry_id', v_entry_id);
    end if;
    return null;
end;
$$;

-- What is wrong beyond the links, or null. missing_link: the chain ends before its head. beyond_head: or after it. What
-- app.waiting_problem finds. unlinked_entry: an entry that neither is in the chain nor waits for it, so did not come in as
-- entries do.
-- By the indexes, for the reason of app.take_unsealed.
create function app.chain_end_problem(p_chain_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
declare
    v_organization_id uuid := nullif(p_chain_id, app.chain_of(null));
    v_head app.audit_heads;
    v_last app.audit_chain;
    v_entries bigint;
    v_waiting bigint;
    v_entry_id uuid;
    v_problem jsonb;
begin
    select h.* into v_head from app.audit_heads h where h.chain_id = p_chain_id;
    select c.* into v_last from app.audit_chain c where c.chain_id = p_chain_id order by c.position desc limit 1;
    if coalesce(v_last.position, 0) < coalesce(v_head.position, 0) then
        return jsonb_build_object('kind', 'missing_link', 'position', coalesce(v_last.position, 0) + 1, 'entry_id', null);
    elsif coalesce(v_last.position, 0) > coalesce(v_head.position, 0) or v_last.hash <> v_head.hash then
        return jsonb_build_object('kind', 'beyond_head', 'position', v_last.position, 'entry_id', v_last.entry_id);
    end if;
    v_problem := app.waiting_problem(p_chain_id);
    if v_problem is not null then
        return v_problem;
    end if;
    -- Counted first, by one index: to look for it takes long, and mostly there is none. Each link has its own entry, as
    -- the ranges have shown, and none of those that wait has a link.
    if v_organization_id is null then
        select count(*) into v_entries from public.audit_logs l where l.organization_id is null;
    else
        select count(*) into v_entries from public.audit_logs l where l.organization_id = v_organization_id;
    end if;
    select count(*) into v_waiting from app.audit_unsealed u where u.chain_id = p_chain_id;
    if v_entries <= coalesce(v_head.position, 0) + v_waiting then
        return null;
    end if;
    select l.id into v_entry_id
    from public.audit_logs l
    where app.chain_of(l.organization_id) = p_chain_id
        and not exists (select from app.audit_chain c where c.entry_id = l.id and c.chain_id = p_chain_id)
        and not exists (select from app.audit_unsealed u where u.chain_id = p_chain_id and u.entry_id = l.id)
    limit 1;
    if found then
        return jsonb_build_object('kind', 'unlinked_entry', 'position', null, 'entry_id', v_entry_id);
    end if;
    return null;
end;
$$;

-- What is wrong with a head that was kept elsewhere, or null. truncated: its position is not there any more. rewritten: it
-- has another hash.
create function app.known_head_problem(p_chain_id uuid, p_known_head jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_position bigint := (p_known_head ->> 'position')::bigint;
    v_hash bytea;
begin
    select c.hash into v_hash from app.audit_chain c where c.chain_id = p_chain_id and c.position = v_position;
    -- Position 0 is known to be empty.
    if v_position > 0 and encode(v_hash, 'hex') is distinct from p_known_head ->> 'hash' then
        return jsonb_build_object(
            'kind', case when v_hash is null then 'truncated' else 'rewritten' end,
            'position', v_position, 'entry_id', null
        );
    end if;
    return null;
end;
$$;

-- All that one answer about a chain says, of one snapshot: sealing goes on meanwhile.
-- Raises VALIDATION_ERROR where p_from is further than the next link to come, and nothing else is wrong.
create function app.check_chain(p_chain_id uuid, p_from bigint, p_limit integer, p_known_head jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_head jsonb := app.head_json(p_chain_id);
    v_sealed bigint := (v_head ->> 'position')::bigint;
    v_to bigint := least(p_from + p_limit - 1, v_sealed);
    v_links jsonb := app.read_links(p_chain_id, p_from, v_to);
    v_problem jsonb := coalesce(
        app.known_head_problem(p_chain_id, p_known_head), nullif(v_links -> 'problem', 'null')
    );
begin
    if v_problem is null and v_to = v_sealed then
        v_problem := app.chain_end_problem(p_chain_id);
    end if;
    if v_problem is null and p_from > v_sealed + 1 then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'from_position', 'out_of_range', format('The chain ends at %s.', v_sealed),
            jsonb_build_object('min', 1, 'max', v_sealed + 1)
        )));
    end if;
    return (
        select jsonb_build_object(
            'intact', v_problem is null,
            'problem', v_problem,
            'checked_from', p_from,
            'checked', v_links -> 'read',
            -- A range that is broken is not worth going on from.
            'next_position', case when v_problem is null and v_to < v_sealed then v_to + 1 end,
            'sealed', v_sealed,
            'unsealed', count(*),
            'unsealed_since', app.utc(min(u.waiting_since)),
            'head', v_head
        )
        from app.audit_unsealed u
        where u.chain_id = p_chain_id
    );
end;
$$;

-- Who may ask about a chain: an organisation's admins and owners, with their second factor; the service and the dashboard
-- about any, the platform's too. Answers the chain.
create function app.require_auditor(p_organization_id uuid)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
    if current_setting('role', true) = 'authenticated' then
        perform app.require_member(p_organization_id, 'admin');
        perform app.require_aal2(p_organization_id, true);
    end if;
    return app.chain_of(p_organization_id);
end;
$$;

-- Where the chain ends: to be kept elsewhere, for only a known head proves later that the end was not cut off.
create function public.audit_chain_head(p_organization_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return app.head_json(app.require_auditor(p_organization_id));
end;
$$;
grant execute on function public.audit_chain_head(uuid) to authenticated, service_role;

-- Verifies p_limit links of a chain from p_from on, and at the end of it that nothing is beside it; what is intact says
-- `next_position` until all of it was read. p_known_head: {position, hash}, as the head was once. Null is the platform's.
create function public.verify_audit_chain(
    p_organization_id uuid, p_known_head jsonb default null, p_from bigint default 1, p_limit integer default 25000
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_chain_id uuid := app.require_auditor(p_organization_id);
    v_errors jsonb := '[]';
    v_answer jsonb;
begin
    if p_known_head is not null and (
        jsonb_typeof(p_known_head) <> 'object' or coalesce(p_known_head ->> 'position', '') !~ '^\d{1,18}$'
        or coalesce(p_known_head ->> 'hash', '') !~ '^[0-9a-f]{64}$'
    ) then
        v_errors := v_errors || app.field_error(
            'known_head', 'value_error', 'A position and its hash are expected here.', '{"format": "chain_head"}'
        );
    end if;
    if p_from is null or p_from not between 1 and 1000000000000 then
        v_errors := v_errors || app.field_error(
            'from_position', 'out_of_range', 'Positions begin at 1.', '{"min": 1, "max": 1000000000000}'
        );
    end if;
    if p_limit is null or p_limit not between 1 and 200000 then
        v_errors := v_errors || app.field_error(
            'limit', 'out_of_range', 'This must be between 1 and 200000.', '{"min": 1, "max": 200000}'
        );
    end if;
    perform app.fail_fields(v_errors);
    v_answer := app.check_chain(v_chain_id, p_from, p_limit, p_known_head);
    perform app.append_audit(
        p_organization_id, 'verify', 'audit_logs', null,
        '{"source": "audit"}' || (v_answer - 'unsealed') || jsonb_build_object('known_head', p_known_head)
    );
    return v_answer;
end;
$$;
grant execute on function public.verify_audit_chain(uuid, jsonb, bigint, integer) to authenticated, service_role;
