-- How far sealing is behind, for whoever watches it.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- {unsealed, oldest_seconds}: the entries that wait to be sealed, counted up to a hundred thousand, and for how long the
-- chain that has waited longest was not sealed though there was something to seal. A chain's wait begins with its oldest
-- entry or with its last sealing, whichever is later: records that come long after the fact are not late for sealing. An
-- entry that was removed before it was sealed waits for ever.
create function public.audit_backlog()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    with recursive waiting as (
        -- From chain to chain by the index, as public.seal_audit_logs.
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
    select jsonb_build_object(
        'unsealed', (select count(*) from (select from app.audit_unsealed limit 100000) counted),
        'oldest_seconds', greatest(0, coalesce((
            select extract(epoch from clock_timestamp() - min(greatest(w.created_at, h.sealed_at)))
            from waiting w
            left join app.audit_heads h on h.chain_id = w.chain_id
        ), 0))
    )
$$;
grant execute on function public.audit_backlog() to service_role;
