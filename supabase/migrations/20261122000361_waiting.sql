-- Waiting, accepting and giving up, for people; and offering what came free unnoticed, for the schedule.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Waits for the asset's time [p_start_date, p_end_date), which must be taken now; what the rules refuse is refused here.
create function public.join_waitlist(
    p_organization_id uuid, p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz,
    p_guest_count integer default null, p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    -- So that nobody can fill a list, and each release look through it, without end.
    c_most constant integer := 20;
    v_asset public.assets;
    v_verdict app.verdict;
    v_row public.waitlist_entries;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'join_waitlist', p_idempotency_key,
        jsonb_build_object(
            'organization_id', p_organization_id, 'asset_id', p_asset_id, 'title', p_title, 'guest_count', p_guest_count,
            'start_date', extract(epoch from p_start_date), 'end_date', extract(epoch from p_end_date)
        )
    );
    if v_answer is not null then
        return v_answer;
    end if;
    perform app.require_member(p_organization_id, 'member');
    v_asset := app.bookable_asset(p_asset_id);
    if v_asset.organization_id <> p_organization_id then
        perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
    end if;
    perform app.fail_fields(app.booking_errors(
        p_title, p_start_date, p_end_date, p_guest_count, null, null, null, v_asset.capacity, now()
    ));
    perform app.lock_assets(array[p_asset_id]);
    perform app.lock_people(p_organization_id, array[auth.uid()]);
    perform app.sweep_asset(p_asset_id);
    v_asset := app.bookable_asset(p_asset_id);
    v_verdict := app.weigh(app.make_case(v_asset, auth.uid(), p_start_date, p_end_date));
    if v_verdict.outcome = 'refused' then
        perform app.fail_rules(v_verdict.violations);
    end if;
    if not app.is_taken(v_asset, p_start_date, p_end_date) then
        perform app.fail(
            'INVALID_STATE', 'That time is free: book it.', 409, jsonb_build_object('reason', 'slot_free')
        );
    end if;
    if (
        select count(*) from public.waitlist_entries w
        where w.user_id = auth.uid() and w.organization_id = p_organization_id and w.status in ('waiting', 'offered')
    ) >= c_most then
        perform app.fail(
            'INVALID_STATE', format('One can wait for at most %s times at once.', c_most), 409,
            jsonb_build_object('reason', 'waitlist_limit', 'limit', c_most)
        );
    end if;
    insert into public.waitlist_entries
        (organization_id, asset_id, user_id, title, start_date, end_date, guest_count)
    values (
        p_organization_id, p_asset_id, auth.uid(), btrim(p_title), p_start_date, p_end_date, p_guest_count
    )
    on conflict (asset_id, user_id, start_date, end_date) where status in ('waiting', 'offered') do nothing
    returning * into v_row;
    if not found then
        perform app.fail(
            'INVALID_STATE', 'You wait for that time already.', 409, jsonb_build_object('reason', 'already_waiting')
        );
    end if;
    v_answer := app.waitlist_json(v_row);
    perform app.keep_answer('join_waitlist', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.join_waitlist(
    uuid, uuid, text, timestamptz, timestamptz, integer, text
) to authenticated;

-- The entry, if the caller may see it: one's own, or anyone's for managers and above.
create function app.visible_waitlist_entry(p_entry_id uuid)
returns public.waitlist_entries
language plpgsql
stable
set search_path = ''
as $$
declare
    v_row public.waitlist_entries;
    v_role public.member_role;
begin
    select * into v_row from public.waitlist_entries w where w.id = p_entry_id;
    v_role := app.member_role(v_row.organization_id);
    if v_role is null or (v_row.user_id <> auth.uid() and v_role > 'manager') then
        perform app.fail('NOT_FOUND', 'There is no such entry in the waiting list.', 404);
    end if;
    return v_row;
end;
$$;

-- The entry again, now that its asset is locked: what the sweep has made of it. Raises where nothing can be done with it.
create function app.lock_waitlist_entry(p_entry_id uuid, p_statuses public.waitlist_status[])
returns public.waitlist_entries
language plpgsql
set search_path = ''
as $$
declare
    v_row public.waitlist_entries;
begin
    select * into v_row from public.waitlist_entries w where w.id = p_entry_id for update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such entry in the waiting list.', 404);
    end if;
    if v_row.status <> all (p_statuses) then
        perform app.fail(
            'INVALID_STATE',
            case v_row.status
                when 'expired' then 'The offer has expired.'
                when 'waiting' then 'That time has not come free yet.'
                else format('This entry of the waiting list is %s.', v_row.status)
            end,
            409,
            jsonb_build_object(
                'reason', case v_row.status when 'expired' then 'offer_expired' when 'waiting' then 'not_offered' else 'status' end,
                'status', v_row.status
            )
        );
    end if;
    return v_row;
end;
$$;

-- Books what was offered. The rules are asked once more, but for notice: that was judged when the offer was made.
create function public.accept_waitlist_offer(
    p_entry_id uuid, p_title text default null, p_guest_count integer default null, p_notes text default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.waitlist_entries;
    v_row public.waitlist_entries;
    v_asset public.assets;
    v_case app.booking_case;
    v_values jsonb;
    v_booking public.reservations;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key(
        'accept_waitlist_offer', p_idempotency_key,
        jsonb_build_object('id', p_entry_id, 'title', p_title, 'guest_count', p_guest_count, 'notes', p_notes)
    );
    if v_answer is not null then
        return v_answer;
    end if;
    v_seen := app.visible_waitlist_entry(p_entry_id);
    if v_seen.user_id <> auth.uid() then
        perform app.fail(
            'FORBIDDEN', 'Only the person who waits can accept the offer.', 403, jsonb_build_object('reason', 'not_yours')
        );
    end if;
    v_asset := app.bookable_asset(v_seen.asset_id);
    v_values := jsonb_build_object(
        'title', coalesce(nullif(btrim(p_title), ''), v_seen.title), 'notes', p_notes,
        'guest_count', coalesce(p_guest_count, v_seen.guest_count)
    );
    perform app.fail_fields(app.booking_errors(
        v_values ->> 'title', v_seen.start_date, v_seen.end_date, (v_values ->> 'guest_count')::integer, p_notes,
        null, null, v_asset.capacity, null
    ));
    perform app.lock_assets(array[v_seen.asset_id]);
    perform app.lock_people(v_seen.organization_id, array[auth.uid()]);
    -- Not swept: what a sweep does would be rolled back with the refusal of an offer that has expired.
    v_asset := app.bookable_asset(v_seen.asset_id);
    v_row := app.lock_waitlist_entry(p_entry_id, '{offered}');
    if v_row.offer_expires_at <= now() or v_row.hold_id is null then
        perform app.fail(
            'INVALID_STATE', 'The offer has expired.', 409,
            jsonb_build_object('reason', 'offer_expired', 'status', v_row.status)
        );
    end if;
    perform app.lock_hold(v_row.hold_id);
    v_case := app.make_case(v_asset, auth.uid(), v_row.start_date, v_row.end_date, array[v_row.hold_id], false);
    -- Two statements: the json is read in a snapshot after what placing has written.
    v_booking := app.place_booking(v_asset, v_case, app.weigh(v_case), v_values, null, v_row.hold_id);
    v_answer := app.reservation_json(v_booking);
    perform app.keep_answer('accept_waitlist_offer', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.accept_waitlist_offer(uuid, text, integer, text, text) to authenticated;

-- Waits no longer, or declines the offer, which then goes to the next. One's own; anyone's for managers and above.
create function public.leave_waitlist(p_entry_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_row public.waitlist_entries;
begin
    perform app.require_user();
    v_row := app.visible_waitlist_entry(p_entry_id);
    perform app.require_aal2(v_row.organization_id);
    perform app.lock_assets(array[v_row.asset_id]);
    v_row := app.lock_waitlist_entry(p_entry_id, '{waiting,offered}');
    update public.waitlist_entries w
    set status = 'canceled', hold_id = null
    where w.id = p_entry_id;
    if v_row.status = 'offered' then
        delete from public.reservations r where r.id = v_row.hold_id and r.status = 'hold';
        perform app.advance_waitlist(v_row.asset_id);
    end if;
    select * into v_row from public.waitlist_entries w where w.id = p_entry_id;
    return app.waitlist_json(v_row);
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.leave_waitlist(uuid) to authenticated;

-- {items, total}: what the caller waits for ('mine'), or, for managers and above, what anyone does ('all').
create function public.list_waitlist(
    p_organization_id uuid, p_scope text default 'mine', p_asset_id uuid default null, p_status text default null,
    p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
    v_status public.waitlist_status;
    v_errors jsonb := '[]';
    v_skip bigint;
    v_size integer;
begin
    if p_scope is null or p_scope not in ('mine', 'all') then
        v_errors := v_errors || app.field_error('scope', 'enum', 'This is mine or all.', '{"expected": ["mine", "all"]}');
    end if;
    if p_status <> all (enum_range(null::public.waitlist_status)::text[]) then
        v_errors := v_errors || app.field_error('status', 'enum', 'There is no such status.');
    end if;
    perform app.fail_fields(v_errors);
    if p_scope = 'all' then
        perform app.require_member(p_organization_id, 'manager');
    end if;
    v_status := p_status;
    select b.skip, b.size into v_skip, v_size from app.page_bounds(p_page, p_page_size) b;
    return (
        with matched as (
            select w.id, w.created_at
            from public.waitlist_entries w
            where w.organization_id = p_organization_id
                and (p_scope = 'all' or w.user_id = auth.uid())
                and (p_asset_id is null or w.asset_id = p_asset_id)
                and (v_status is null or w.status = v_status)
        )
        select jsonb_build_object(
            'total', (select count(*) from matched),
            'items', coalesce(
                (
                    select jsonb_agg(app.waitlist_json(w) order by w.created_at desc, w.id)
                    from public.waitlist_entries w
                    where w.id in (
                        select m.id from matched m
                        order by m.created_at desc, m.id
                        limit v_size offset v_skip
                    )
                ),
                '[]'
            )
        )
    );
end;
$$;
grant execute on function public.list_waitlist(uuid, text, uuid, text, integer, integer) to authenticated;

-- For the schedule: offers what came free without one of our functions, such as by the dashboard, and ends what is over.
-- Two may run at once: each takes the assets that the other has not locked. Answers how many assets it looked at; a
-- hundred at most, because their locks are held until the end. Who was passed over is looked at again after a while: time
-- alone may have changed what the rules say.
create function public.offer_waitlist()
returns integer
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_asset_id uuid;
    v_count integer := 0;
begin
    for v_asset_id in
        select w.asset_id
        from public.waitlist_entries w
        join public.assets a on a.id = w.asset_id
        where (w.status = 'offered' and w.offer_expires_at <= now())
            or (w.status = 'waiting' and w.start_date <= now())
            or (
                w.status = 'waiting' and a.is_active
                and (w.passed_over_at is null or w.passed_over_at < now() - interval '15 minutes')
                and not app.is_taken(a, w.start_date, w.end_date)
            )
        group by w.asset_id
        order by min(w.created_at), w.asset_id
        limit 100
    loop
        if app.try_lock_asset(v_asset_id) then
            perform app.sweep_asset(v_asset_id);
            perform app.advance_waitlist(v_asset_id);
            v_count := v_count + 1;
        end if;
    end loop;
    return v_count;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.offer_waitlist() to service_role;
