-- Changing and cancelling one instance of a series, the following ones, or all that have not begun.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The faults of a change of many instances: the rule is none of what can be changed.
create function app.series_patch_errors(p_changes jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if jsonb_typeof(p_changes) is distinct from 'object' then
        return app.patch_errors(p_changes);
    end if;
    return app.patch_errors(p_changes - 'rrule') || case when p_changes ? 'rrule' then jsonb_build_array(app.rrule_error(
        'immutable', 'The rule of a series cannot be changed: cancel what follows, and book a new series.'
    )) else '[]' end;
end;
$$;

-- Changes one instance by itself, as update_reservation does. The series' version is looked at once more under the
-- instance's lock, where our own change has counted already.
create function app.change_instance(
    p_series public.reservation_series, p_instance app.series_instances, p_changes jsonb, p_expected_version integer
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_booking jsonb := public.update_reservation(p_instance.reservation_id, p_changes);
    v_series public.reservation_series;
begin
    select * into v_series from public.reservation_series s where s.id = p_series.id;
    perform app.check_series_version(
        v_series, p_expected_version,
        case when v_series.version <= p_expected_version + 1 then p_expected_version else v_series.version end
    );
    return app.series_json(v_series) || jsonb_build_object('changed', jsonb_build_array(jsonb_build_object(
        'index', p_instance.place, 'reservation_id', p_instance.reservation_id, 'start_date', v_booking -> 'start_date',
        'end_date', v_booking -> 'end_date', 'outcome', v_booking -> 'status', 'conflicts', '[]'::jsonb, 'violations', '[]'::jsonb
    )));
end;
$$;

-- What became of each instance, in order, under the number that it has now: those that follow begin anew with 1.
create function app.changes_json(p_moves app.series_move[], p_report jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_agg(
        coalesce(r.value, app.slot_report(
            row(m.place, m.starts_at, m.start_date, m.end_date, false)::app.series_slot, (m.old_row).status::text, m.reservation_id
        )) || jsonb_build_object('index', i.place)
        order by i.place
    )
    from unnest(p_moves) m
    join app.series_instances i on i.reservation_id = m.reservation_id
    left join jsonb_array_elements(p_report) as r(value) on (r.value ->> 'reservation_id')::uuid = m.reservation_id
$$;

-- Changes 'this' instance (the one that begins at p_from), which from then on keeps its own time; the 'following', which
-- become a series of their own; or 'all' that have not begun. start_date and end_date are those of the instance at
-- p_from (with 'all' and without it, of the first that is left): the others move as far in local time. All or nothing.
create function public.update_series(
    p_series_id uuid, p_changes jsonb, p_scope text, p_from timestamptz default null,
    p_expected_version integer default null, p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_seen public.reservation_series;
    v_series public.reservation_series;
    v_instance app.series_instances;
    v_target uuid;
    v_capacity integer;
    v_moves app.series_move[];
    v_moving boolean;
    v_reference public.reservations;
    v_new public.reservations;
    v_report jsonb := '[]';
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key('update_series', p_idempotency_key, jsonb_build_object(
        'id', p_series_id, 'changes', p_changes, 'scope', p_scope, 'from', extract(epoch from p_from),
        'expected_version', p_expected_version
    ));
    if v_answer is not null then
        return v_answer;
    end if;
    v_seen := app.changeable_series(p_series_id);
    perform app.check_series_version(v_seen, p_expected_version, v_seen.version);
    perform app.fail_fields(app.series_patch_errors(p_changes));
    v_instance := app.series_reference(p_series_id, p_scope, p_from);
    if p_scope = 'this' then
        v_answer := app.change_instance(v_seen, v_instance, p_changes, p_expected_version);
        perform app.keep_answer('update_series', p_idempotency_key, v_answer);
        return v_answer;
    end if;
    v_target := coalesce(app.patched_asset_id(p_changes), v_seen.asset_id);
    if v_target <> v_seen.asset_id and (app.bookable_asset(v_target)).organization_id <> v_seen.organization_id then
        perform app.fail('NOT_FOUND', 'There is no such asset.', 404);
    end if;
    v_moves := app.lock_instances(
        v_seen, case when p_scope = 'following' then v_instance.place else 1 end, v_target, p_expected_version
    );
    select * into v_series from public.reservation_series s where s.id = p_series_id;
    if v_series.asset_id <> v_seen.asset_id then
        perform app.fail_busy();
    end if;
    v_moving := p_changes ?| array['asset_id', 'start_date', 'end_date'];
    select r.* into v_reference from public.reservations r where r.id = v_instance.reservation_id;
    if v_moving and v_reference.start_date <= now() then
        perform app.fail_fields(jsonb_build_array(app.field_error('from', 'already_begun', 'That instance has begun already.')));
    elsif v_reference.id is null or v_reference.start_date <= now() then
        select (m.old_row).* into v_reference from unnest(v_moves) m order by m.detached, m.place limit 1;
    end if;
    -- What has no more than a title to tell may follow an exception; what moves needs to know from where.
    if v_moving and (
        v_instance.detached or v_reference.asset_id <> v_series.asset_id
        or not exists (select from unnest(v_moves) m where not m.detached)
    ) then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'from', 'detached', 'That instance was moved by itself: name another, or change it with the scope this.'
        )));
    end if;
    -- Guests come to those too that were moved elsewhere by themselves.
    select min(a.capacity) into v_capacity
    from public.assets a
    where a.id = v_target or a.id in (select (m.old_row).asset_id from unnest(v_moves) m where m.detached);
    v_new := app.patched_reservation(
        v_reference, p_changes, case when p_changes ?| array['asset_id', 'guest_count', 'guests'] then v_capacity end
    );
    if p_scope = 'following' then
        v_series := app.split_series(v_series, v_instance.place);
    end if;
    if (v_new.asset_id, v_new.start_date, v_new.end_date)
        is distinct from (v_reference.asset_id, v_reference.start_date, v_reference.end_date)
    then
        v_report := app.shift_series(v_series, v_moves, v_reference, v_new, p_changes ? 'guest_count');
    end if;
    perform app.describe_instances(array(select m.reservation_id from unnest(v_moves) m), p_changes, v_new);
    update public.reservation_series s
    set title = case when p_changes ? 'title' then v_new.title else s.title end, updated_at = clock_timestamp()
    where s.id = v_series.id
    returning * into v_series;
    v_answer := app.series_json(v_series) || jsonb_build_object('changed', app.changes_json(v_moves, v_report))
        || case when v_series.id <> p_series_id then jsonb_build_object('previous_series_id', p_series_id) else '{}' end;
    perform app.keep_answer('update_series', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.update_series(uuid, jsonb, text, timestamptz, integer, text) to authenticated;

-- Cancels 'this' instance, the 'following' from it on, or 'all' that have not begun. Cancelled ones stay cancelled.
create function public.cancel_series(
    p_series_id uuid, p_scope text, p_from timestamptz default null, p_reason text default null,
    p_expected_version integer default null, p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_reason text := nullif(btrim(p_reason), '');
    v_series public.reservation_series;
    v_instance app.series_instances;
    v_move app.series_move;
    v_asset_ids uuid[] := '{}';
    v_asset_id uuid;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key('cancel_series', p_idempotency_key, jsonb_build_object(
        'id', p_series_id, 'scope', p_scope, 'from', extract(epoch from p_from), 'reason', p_reason,
        'expected_version', p_expected_version
    ));
    if v_answer is not null then
        return v_answer;
    end if;
    v_series := app.changeable_series(p_series_id);
    perform app.check_series_version(v_series, p_expected_version, v_series.version);
    perform app.fail_fields(app.text_errors(jsonb_build_object('reason', v_reason), 'reason', 2000));
    v_instance := app.series_reference(p_series_id, p_scope, p_from);
    if p_scope = 'this' then
        perform public.cancel_reservation(v_instance.reservation_id, p_reason);
        select * into v_series from public.reservation_series s where s.id = p_series_id;
        perform app.check_series_version(
            v_series, p_expected_version,
            case when v_series.version <= p_expected_version + 1 then p_expected_version else v_series.version end
        );
    else
        foreach v_move in array app.lock_instances(
            v_series, case when p_scope = 'following' then v_instance.place else 1 end, v_series.asset_id, p_expected_version
        ) loop
            perform app.require_notice(v_move.old_row);
            perform app.end_booking(v_move.old_row, 'canceled', v_reason);
            v_asset_ids := v_asset_ids || (v_move.old_row).asset_id;
        end loop;
        for v_asset_id in select distinct a.id from unnest(v_asset_ids) as a(id) order by a.id loop
            perform app.advance_waitlist(v_asset_id);
        end loop;
        select * into v_series from public.reservation_series s where s.id = p_series_id;
    end if;
    v_answer := app.series_json(v_series);
    perform app.keep_answer('cancel_series', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.cancel_series(uuid, text, timestamptz, text, integer, text) to authenticated;
