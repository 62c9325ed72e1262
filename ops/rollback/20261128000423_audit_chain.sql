-- Takes back 20261128000423_audit_chain.sql.
-- Loses: app.audit_chain, app.audit_heads (the chains; set aside in a schema retired_<time>, out of everybody's reach);
-- app.audit_unsealed (in which all entries wait again: a chain that comes again begins anew, and seals them).
-- Keeps: the entries.
-- Note: export the heads first, and keep them: they prove what the former chain was.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.verify_audit_chain(uuid, jsonb, bigint, integer);
drop function public.audit_chain_head(uuid);
drop function app.require_auditor(uuid);
drop function app.check_chain(uuid, bigint, integer, jsonb);
drop function app.known_head_problem(uuid, jsonb);
drop function app.chain_end_problem(uuid);
drop function app.waiting_problem(uuid);
drop function app.read_links(uuid, bigint, bigint);
drop function app.head_json(uuid);
drop function public.seal_audit_logs(integer);
drop function app.seal_chain(uuid, integer, boolean);
drop function app.link_entries(app.audit_heads, uuid[], bytea[]);
drop function app.take_unsealed(uuid, integer);
drop function app.audit_link_hash(uuid, bigint, timestamptz, bytea, bytea);
drop function app.audit_digest(public.audit_logs);
drop function app.audit_field(text);

insert into app.audit_unsealed (chain_id, created_at, entry_id)
select app.chain_of(l.organization_id), l.created_at, l.id
from public.audit_logs l
where exists (select from app.audit_chain c where c.entry_id = l.id)
on conflict do nothing;

drop trigger append_only on app.audit_chain;
-- A schema for each time: it may come and go more than once.
do $$
declare
    v_schema text := 'retired_' || to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD"_"HH24MISS"_"US');
begin
    execute format('create schema %I', v_schema);
    execute format('alter table app.audit_chain set schema %I', v_schema);
    execute format('alter table app.audit_heads set schema %I', v_schema);
end;
$$;
