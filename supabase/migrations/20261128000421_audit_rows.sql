-- Row changes in the audit log, in the transaction that makes them, whoever makes them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What is kept of a row: personal data of people and what may hold it only as having been there. Nothing is ever taken
-- out of the log again, so nothing comes in that somebody may have to forget.
create function app.audit_values(p_row jsonb, p_redacted text[])
returns jsonb
language sql
immutable
parallel safe
set search_path = ''
as $$
    select jsonb_object_agg(
        e.key,
        case when e.key = any (p_redacted) and e.value <> 'null' then '"[redacted]"' else e.value end
    )
    from jsonb_each(p_row) e
$$;

-- Trigger: one entry about one row. Arguments: the column that names the thing; the column that names the organisation,
-- empty where there is none, or `reservation_id`, whose booking knows it; the columns that are redacted, as an array; and
-- `born`, where the row counts as new although it was there (a hold that became a booking).
-- An update tells the columns that changed, and neither the version nor when: an entry has its own time. Times are
-- written in UTC, whatever the session's zone.
create function app.audit_row()
returns trigger
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
as $$
declare
    v_action text := lower(tg_op);
    v_old jsonb := to_jsonb(old);
    v_new jsonb := to_jsonb(new);
    v_row jsonb := coalesce(v_new, v_old);
    v_resource_id uuid := (v_row ->> tg_argv[0])::uuid;
    v_organization_id uuid;
begin
    if tg_argv[3] = 'born' then
        v_action := 'insert';
        v_old := null;
    elsif v_action = 'update' then
        select jsonb_object_agg(n.key, v_old -> n.key), jsonb_object_agg(n.key, n.value)
        into v_old, v_new
        from jsonb_each(v_new) n
        where n.value is distinct from v_old -> n.key and n.key <> all ('{version,updated_at}');
        if v_new is null then
            return null;
        end if;
    end if;
    if tg_argv[1] = 'reservation_id' then
        -- Of a booking that is just being deleted with it, the log knows.
        v_organization_id := coalesce(
            (select r.organization_id from public.reservations r where r.id = v_resource_id),
            app.audited_organization(v_resource_id)
        );
    else
        v_organization_id := (v_row ->> nullif(tg_argv[1], ''))::uuid;
    end if;
    if tg_argv[2] <> '{}' then
        v_old := app.audit_values(v_old, tg_argv[2]::text[]);
        v_new := app.audit_values(v_new, tg_argv[2]::text[]);
    end if;
    perform app.append_audit(
        v_organization_id, v_action, tg_table_name::text, v_resource_id,
        jsonb_build_object('source', 'row', 'old', v_old, 'new', v_new)
    );
    return null;
end;
$$;

-- The organisation of a thing that was changed once, even of one that is gone. Rows only: what a request named is a claim.
create function app.audited_organization(p_resource_id uuid)
returns uuid
language sql
stable
set search_path = ''
as $$
    select l.organization_id
    from public.audit_logs l
    where l.resource_id = p_resource_id and l.organization_id is not null and l.metadata ->> 'source' = 'row'
    order by l.created_at desc
    limit 1
$$;

-- Trigger: row triggers do not see a truncate, which only the tables' owner can do. Says how many rows there were.
create function app.audit_truncate()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rows bigint;
begin
    execute format('select count(*) from %I.%I', tg_table_schema, tg_table_name) into v_rows;
    perform app.append_audit(
        null, 'truncate', tg_table_name::text, null, jsonb_build_object('source', 'row', 'rows', v_rows)
    );
    return null;
end;
$$;

-- Puts a table under audit: what a migration that makes a table calls. Before all other triggers by name, foreign keys'
-- too ("RI_…"): the entry of a row comes before those of the rows that fall with it.
create function app.audit_table(
    p_table regclass, p_id text default 'id', p_organization text default 'organization_id', p_redacted text[] default '{}'
)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_arguments text := format('%L, %L, %L', p_id, p_organization, p_redacted);
begin
    execute format(
        'create trigger "Audit_1" after insert or delete on %s for each row execute function app.audit_row(%s)',
        p_table, v_arguments
    );
    execute format(
        'create trigger "Audit_2" after update on %s for each row when (old.* is distinct from new.*)'
        ' execute function app.audit_row(%s)',
        p_table, v_arguments
    );
    execute format(
        'create trigger "Audit_3" before truncate on %s for each statement execute function app.audit_truncate()', p_table
    );
end;
$$;

select app.audit_table('public.profiles', 'id', '', '{email,first_name,last_name,phone,avatar_url}');
-- Its own address and number are what a fraud would change, and no person's.
select app.audit_table('public.organizations', 'id', 'id');
select app.audit_table('public.subscriptions');
select app.audit_table('public.entitlements');
select app.audit_table('public.organization_members');
select app.audit_table('public.invitations', 'id', 'organization_id', '{email,message}');
select app.audit_table('public.tiers');
select app.audit_table('public.tier_rules', 'tier_id');
select app.audit_table('public.tier_booking_rules');
select app.audit_table('public.tier_rule_assets', 'rule_id');
select app.audit_table('public.blackout_dates');
select app.audit_table('public.holidays');
select app.audit_table('public.assets');
select app.audit_table('public.asset_photos');
-- Reasons stay: they are why a decision was made. So do the rules that were overridden.
select app.audit_table('public.reservation_details', 'reservation_id', 'reservation_id', '{notes,metadata}');
select app.audit_table('public.reservation_guests', 'reservation_id', 'reservation_id', '{name,email}');
select app.audit_table('public.reservation_series');
select app.audit_table('public.approval_requests');
select app.audit_table('public.rule_approvals');
select app.audit_table('public.approval_delegations');
select app.audit_table('public.maintenance_windows');
select app.audit_table('public.waitlist_entries');

-- A hold is a form being filled in, private to whom it belongs, and gone in minutes: a booking begins when it is one.
create trigger "Audit_1_insert" after insert on public.reservations
    for each row when (new.status <> 'hold')
    execute function app.audit_row('id', 'organization_id', '{}');
create trigger "Audit_1_delete" after delete on public.reservations
    for each row when (old.status <> 'hold')
    execute function app.audit_row('id', 'organization_id', '{}');
create trigger "Audit_2" after update on public.reservations
    for each row when (old.status <> 'hold' and old.* is distinct from new.*)
    execute function app.audit_row('id', 'organization_id', '{}');
create trigger "Audit_2_born" after update on public.reservations
    for each row when (old.status = 'hold' and new.status <> 'hold')
    execute function app.audit_row('id', 'organization_id', '{}', 'born');
create trigger "Audit_3" before truncate on public.reservations
    for each statement execute function app.audit_truncate();
