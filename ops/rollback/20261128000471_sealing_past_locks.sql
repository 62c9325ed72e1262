-- Takes back 20261128000471_sealing_past_locks.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

alter function public.seal_audit_logs(integer) reset lock_timeout;

-- As 20261128000423_audit_chain.sql made it.
-- Seals up to p_limit entries of one chain, the oldest first, and answers how many. One at a time seals a chain: another
-- one leaves at once, or with p_wait comes after.
create or replace function app.seal_chain(p_chain_id uuid, p_limit integer, p_wait boolean default false)
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
