-- A request that is sent twice is done once.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Functions that write for a person need one, who also still exists: a token outlives its deleted user.
create function app.require_user()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if not exists (select from public.profiles p where p.id = auth.uid()) then
        perform app.fail('UNAUTHORIZED', 'Sign in first.', 401);
    end if;
end;
$$;

-- Answers kept for a day, so that a request that is sent again is answered again and not done again.
create table app.idempotency_keys (
    user_id uuid not null references public.profiles (id) on delete cascade,
    route text not null,
    key text not null,
    request_hash bytea not null,
    -- Null only inside the transaction that is at work on it.
    response jsonb,
    created_at timestamptz not null default now(),
    primary key (user_id, route, key)
);
alter table app.idempotency_keys enable row level security;

-- Takes the key for this request before any other lock. Null: go ahead, and keep the answer with app.keep_answer; else
-- the answer that this request got before. A second request with the same key waits here until the first has ended; when
-- that one failed, its key is gone with it and this one goes ahead.
create function app.claim_idempotency_key(p_route text, p_key text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_hash bytea := sha256(convert_to(p_request::text, 'UTF8'));
    v_known app.idempotency_keys;
begin
    if p_key is null then
        return null;
    end if;
    if p_key = '' or length(p_key) > 255 then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'idempotency_key', 'value_error', 'An idempotency key has 1 to 255 characters.'
        )));
    end if;
    insert into app.idempotency_keys as k (user_id, route, key, request_hash)
    values (auth.uid(), p_route, p_key, v_hash)
    on conflict (user_id, route, key) do update
        set request_hash = excluded.request_hash, response = null, created_at = now()
        where k.created_at < now() - interval '24 hours'
    returning * into v_known;
    if found then
        -- One's own answers of yesterday go as one writes; those that another request holds are left to it.
        delete from app.idempotency_keys k
        using (
            select o.route, o.key from app.idempotency_keys o
            where o.user_id = auth.uid() and o.created_at < now() - interval '24 hours'
            for update skip locked
        ) old
        where k.user_id = auth.uid() and k.route = old.route and k.key = old.key;
        return null;
    end if;
    select * into v_known
    from app.idempotency_keys k
    where k.user_id = auth.uid() and k.route = p_route and k.key = p_key;
    if v_known.request_hash <> v_hash then
        perform app.fail(
            'IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another request.', 422
        );
    end if;
    return v_known.response;
end;
$$;

-- Stores the answer in the booking's own transaction: a request that fails leaves nothing.
create function app.keep_answer(p_route text, p_key text, p_answer jsonb)
returns void
language sql
set search_path = ''
as $$
    update app.idempotency_keys k set response = p_answer
    where p_key is not null and k.user_id = auth.uid() and k.route = p_route and k.key = p_key
$$;
