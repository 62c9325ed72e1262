-- Takes back 20261128000420_audit_log.sql.
-- Loses: public.audit_logs (set aside in a schema retired_<time>, out of everybody's reach), app.audit_unsealed,
-- app.past_members (who was a member once; who is one comes again).
-- Note: an audit log is not to be lost by a rollback: copy it from that schema before anybody drops it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger remember_member on public.organization_members;
drop function app.remember_member();
drop table app.past_members;
drop function app.append_audit(uuid, text, text, uuid, jsonb);
drop function app.request_id();
drop function app.chain_of(uuid);
drop table app.audit_unsealed;

drop policy "admins and owners read their organization's audit log" on public.audit_logs;
drop function app.audited_organizations();
drop function app.has_verified_factor();
drop trigger append_only on public.audit_logs;
drop function app.refuse_audit_change();
revoke all on public.audit_logs from authenticated;
-- A schema for each time: it may come and go more than once.
do $$
declare
    v_schema text := 'retired_' || to_char(clock_timestamp() at time zone 'UTC', 'YYYYMMDD"_"HH24MISS"_"US');
begin
    execute format('create schema %I', v_schema);
    execute format('alter table public.audit_logs set schema %I', v_schema);
end;
$$;
