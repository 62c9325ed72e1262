-- Changing and cancelling one instance of a series, the following ones, or all that have not begun.
--
-- Locks: the assets, the people, the instances' rows by id, then the series' row: whoever changes an instance alone comes
-- from its row to the series too.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An instance that is to be changed, before and after.
create type app.series_move as (
    place integer, reservation_id uuid, detached boolean, old_row public.reservations, starts_at timestamp,
    start_date timestamptz, end_date timestamptz
);

-- The instance that begins then (of a cancelled one and one in its place, the latter); null where p_from is null and all
-- are meant, or the scope and p_from do not fit, which is raised.
create function app.series_reference(p_series_id uuid, p_scope text, p_from timestamptz)
returns app.series_instances
language plpgsql
stable
set search_path = ''
as $$
declare
    v_instance app.series_instances;
    v_errors jsonb := '[]';
begin
    if p_scope is null or p_scope not in ('this', 'following', 'all') then
        v_errors := v_errors || app.field_error(
            'scope', 'enum', 'This must be this, following or all.', '{"expected": ["this", "following", "all"]}'
        );
    elsif p_from is null and p_scope <> 'all' then
        v_errors := v_errors || app.field_error('from', 'missing', 'Say with the start of which instance it begins.');
    elsif p_from is not null then
        select i.* into v_instance
        from app.series_instances i
        join public.reservations r on r.id = i.reservation_id
        where i.series_id = p_series_id and r.start_date = p_from
        order by app.holds_slot(r.status) desc, i.place
        limit 1;
        if not found then
            v_errors := v_errors || app.field_error('from', 'not_an_instance', 'No instance of the series begins then.');
        elsif p_scope = 'following' and p_from <= now() then
            v_errors := v_errors || app.field_error('from', 'already_begun', 'That instance has begun already.');
        end if;
    end if;
    perform app.fail_fields(v_errors);
    return v_instance;
end;
$$;

-- Raises 412 where the series is not in the version that the caller knows.
create function app.check_series_version(p_row public.reservation_series, p_expected_version integer, p_found integer)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
    if p_found <> p_expected_version then
        perform app.fail(
            'PRECONDITION_FAILED', 'The series has been changed meanwhile.', 412,
            jsonb_build_object('current', app.series_json(p_row))
        );
    end if;
end;
$$;

-- The instances that stand and have not begun, from this place on, in order.
create function app.open_instances(p_series_id uuid, p_from_place integer)
returns app.series_move[]
language plpgsql
stable
set search_path = ''
as $$
begin
    return array(
        select row(i.place, r.id, i.detached, r, i.starts_at, r.start_date, r.end_date)::app.series_move
        from app.series_instances i
        join public.reservations r on r.id = i.reservation_id
        where i.series_id = p_series_id and i.place >= p_from_place
            and r.status in ('pending', 'approved') and r.start_date > now()
        order by i.place
    );
end;
$$;

-- Takes all that a change of these instances needs, in the house's order, and answers them as they are under the locks.
-- Whoever finds others than were seen before it had to wait has locks of the wrong assets or people, and gives up.
create function app.lock_instances(
    p_series public.reservation_series, p_from_place integer, p_target_id uuid, p_expected_version integer
)
returns app.series_move[]
language plpgsql
set search_path = ''
as $$
declare
    v_seen app.series_move[] := app.open_instances(p_series.id, p_from_place);
    v_moves app.series_move[];
    v_asset_ids uuid[];
    v_user_ids uuid[];
    v_asset_id uuid;
    v_series public.reservation_series;
begin
    select array_agg(distinct (m.old_row).asset_id) || p_target_id, array_agg(distinct (m.old_row).user_id)
    into v_asset_ids, v_user_ids
    from unnest(v_seen) m;
    perform app.lock_assets(v_asset_ids);
    perform app.lock_people(p_series.organization_id, v_user_ids);
    for v_asset_id in select distinct a.id from unnest(v_asset_ids) as a(id) order by a.id loop
        perform app.sweep_asset(v_asset_id);
    end loop;
    perform from public.reservations r where r.series_id = p_series.id order by r.id for no key update;
    select * into v_series from public.reservation_series s where s.id = p_series.id for no key update;
    if not found then
        perform app.fail('NOT_FOUND', 'There is no such series.', 404);
    end if;
    perform app.changeable_series(p_series.id);
    perform app.check_series_version(v_series, p_expected_version, v_series.version);
    v_moves := app.open_instances(p_series.id, p_from_place);
    if exists (
        select from unnest(v_moves) m
        where (m.old_row).asset_id <> all (v_asset_ids) or (m.old_row).user_id <> all (v_user_ids)
    ) then
        perform app.fail_busy();
    end if;
    if cardinality(v_moves) = 0 then
        perform app.fail(
            'INVALID_STATE', 'No instance is left to change.', 409, jsonb_build_object('reason', 'nothing_to_change')
        );
    end if;
    return v_moves;
end;
$$;

-- Where these instances go: the reference to where p_new says, the others as far by local time, each as much longer or
-- shorter. Those that were moved by themselves stay.
create function app.shifted_instances(
    p_moves app.series_move[], p_series public.reservation_series, p_reference public.reservations,
    p_new public.reservations, p_time_zone text
)
returns app.series_move[]
language plpgsql
stable
set search_path = ''
as $$
declare
    v_shift interval := (p_new.start_date at time zone p_time_zone) - (p_reference.start_date at time zone p_series.time_zone);
    v_length interval := p_series.duration
        + app.local_length(p_new.start_date, p_new.end_date, p_time_zone)
        - app.local_length(p_reference.start_date, p_reference.end_date, p_series.time_zone);
begin
    return array(
        select case when m.detached then m else row(
            m.place, m.reservation_id, m.detached, m.old_row, m.starts_at + v_shift, lower(s.span), upper(s.span)
        )::app.series_move end
        from unnest(p_moves) m
        cross join lateral (
            select case when m.reservation_id = p_reference.id then tstzrange(p_new.start_date, p_new.end_date)
                else app.series_span(m.starts_at + v_shift, v_length, p_time_zone) end as span
        ) s
        order by m.place
    );
end;
$$;

-- Moves the instances in one statement, judges each where it now is, and has those approved that need it. Raises the
-- whole report where one cannot be moved.
create function app.move_instances(p_moves app.series_move[], p_asset public.assets)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := array(select m.reservation_id from unnest(p_moves) m);
    v_reports jsonb[] := '{}';
    v_moved boolean;
    v_move app.series_move;
    v_slot app.series_slot;
    v_case app.booking_case;
    v_verdict app.verdict;
    v_conflicts jsonb;
    v_row public.reservations;
begin
    v_moved := not exists (
        select from unnest(p_moves) m where app.is_taken(p_asset, m.start_date, m.end_date, v_ids)
    );
    if v_moved then
        update public.reservations r
        set asset_id = p_asset.id, start_date = m.start_date, end_date = m.end_date, approved_by = null
        from unnest(p_moves) m
        where r.id = m.reservation_id;
    end if;
    foreach v_move in array p_moves loop
        v_slot := row(v_move.place, v_move.starts_at, v_move.start_date, v_move.end_date, false);
        v_conflicts := case when v_moved then '[]' else app.slot_conflicts(p_asset, v_move.start_date, v_move.end_date, v_ids) end;
        -- Where nothing was moved, none of them counts for another where it was.
        v_case := app.make_case(
            p_asset, (v_move.old_row).user_id, v_move.start_date, v_move.end_date,
            case when v_moved then array[v_move.reservation_id] else v_ids end,
            ((v_move.old_row).asset_id, (v_move.old_row).start_date) is distinct from (p_asset.id, v_move.start_date)
        );
        v_verdict := app.weigh(v_case);
        v_reports := v_reports || app.slot_report(
            v_slot,
            case when v_verdict.outcome = 'refused' then 'refused' when v_conflicts <> '[]' then 'conflict' else v_verdict.outcome end,
            v_move.reservation_id, v_conflicts, v_verdict.violations
        );
        continue when not v_moved or v_verdict.outcome = 'refused';
        update public.reservations r
        set status = v_verdict.outcome::public.reservation_status,
            approved_at = case when v_verdict.outcome = 'approved' then now() end,
            updated_at = clock_timestamp()
        where r.id = v_move.reservation_id
        returning * into v_row;
        perform app.save_details(v_row.id, '{"overrides": []}');
        perform app.void_approvals(v_row.id);
        if v_verdict.outcome = 'pending' then
            perform app.require_notice(v_move.old_row);
            perform app.submit_approvals(v_row, app.approval_plan(v_case, v_verdict.violations));
        end if;
    end loop;
    if to_jsonb(v_reports) @> any (array['[{"outcome": "refused"}]', '[{"outcome": "conflict"}]']::jsonb[]) then
        perform app.fail_series(to_jsonb(v_reports));
    end if;
    return to_jsonb(v_reports);
end;
$$;

-- The rule with this COUNT in the place of its own COUNT or UNTIL.
create function app.counted_rrule(p_rrule text, p_count integer)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select ltrim(regexp_replace(p_rrule, '(^|;)(COUNT|UNTIL)=[^;]*', '', 'g'), ';') || ';COUNT=' || p_count
$$;

-- The local times of the instances that were left out.
create function app.excluded_times(p_series_id uuid)
returns timestamp[]
language sql
stable
set search_path = ''
as $$
    select array(
        select i.starts_at from app.series_instances i
        where i.series_id = p_series_id and i.outcome = 'excluded' order by i.place
    )
$$;

-- Makes what follows from this place on a series of its own, and answers it; the first place is the whole series.
create function app.split_series(p_series public.reservation_series, p_place integer)
returns public.reservation_series
language plpgsql
set search_path = ''
as $$
declare
    v_first app.series_instances;
    v_before integer;
    v_after integer;
    v_new public.reservation_series := p_series;
begin
    select count(*) filter (where i.place < p_place), count(*) filter (where i.place >= p_place)
    into v_before, v_after
    from app.series_instances i
    where i.series_id = p_series.id;
    if v_before = 0 then
        return p_series;
    end if;
    select * into v_first from app.series_instances i where i.series_id = p_series.id and i.place = p_place;
    insert into public.reservation_series
        (organization_id, asset_id, user_id, title, rrule, time_zone, starts_at, duration, exdates, shifted_days)
    values (
        p_series.organization_id, p_series.asset_id, p_series.user_id, p_series.title, app.counted_rrule(p_series.rrule, v_after),
        p_series.time_zone, v_first.starts_at, p_series.duration, '{}', p_series.shifted_days
    )
    returning * into v_new;
    update public.reservations r set series_id = v_new.id
    from app.series_instances i
    where i.series_id = p_series.id and i.place >= p_place and r.id = i.reservation_id;
    update app.series_instances i set series_id = v_new.id, place = i.place - v_before
    where i.series_id = p_series.id and i.place >= p_place;
    update public.reservation_series s
    set rrule = app.counted_rrule(s.rrule, v_before), exdates = app.excluded_times(s.id)
    where s.id = p_series.id;
    update public.reservation_series s set exdates = app.excluded_times(s.id) where s.id = v_new.id returning * into v_new;
    return v_new;
end;
$$;

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

-- Moves all of these but those that were moved by themselves, and with them those that were never booked and what the
-- series says of itself; answers the report.
create function app.shift_series(
    p_series public.reservation_series, p_moves app.series_move[], p_reference public.reservations,
    p_new public.reservations, p_counts_guests boolean
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_asset public.assets := app.bookable_asset(p_new.asset_id);
    v_zone text := case when p_new.asset_id = p_series.asset_id then p_series.time_zone else v_asset.timezone end;
    v_shift interval := (p_new.start_date at time zone v_zone) - (p_reference.start_date at time zone p_series.time_zone);
    v_shifted app.series_move[];
    v_move app.series_move;
    v_asset_id uuid;
    v_report jsonb;
begin
    v_shifted := array(
        select m from unnest(app.shifted_instances(p_moves, p_series, p_reference, p_new, v_zone)) m
        where not m.detached order by m.place
    );
    perform app.fail_fields(app.slot_errors(
        array(select row(m.place, m.starts_at, m.start_date, m.end_date, false)::app.series_slot from unnest(v_shifted) m),
        app.turnaround(v_asset.turnaround_minutes), 'start_date'
    ));
    if not p_counts_guests and exists (select from unnest(v_shifted) m where (m.old_row).guest_count > v_asset.capacity) then
        perform app.fail_fields(jsonb_build_array(app.field_error(
            'guest_count', 'over_capacity', format('The asset takes %s people at most.', v_asset.capacity),
            jsonb_build_object('max', v_asset.capacity)
        )));
    end if;
    foreach v_move in array v_shifted loop
        if app.gives_up_time(v_move.old_row, v_asset.id, v_move.start_date, v_move.end_date) then
            perform app.require_notice(v_move.old_row);
        end if;
    end loop;
    v_report := app.move_instances(v_shifted, v_asset);
    update app.series_instances i set starts_at = m.starts_at, detached = false
    from unnest(v_shifted) m
    where i.reservation_id = m.reservation_id;
    update app.series_instances i set starts_at = i.starts_at + v_shift
    where i.series_id = p_series.id and i.reservation_id is null and i.place > (v_shifted[1]).place;
    for v_asset_id in select distinct (m.old_row).asset_id from unnest(v_shifted) m loop
        perform app.advance_waitlist(v_asset_id);
    end loop;
    update public.reservation_series s
    set asset_id = v_asset.id, time_zone = v_zone,
        starts_at = s.starts_at + v_shift, exdates = app.excluded_times(s.id),
        duration = s.duration + app.local_length(p_new.start_date, p_new.end_date, v_zone)
            - app.local_length(p_reference.start_date, p_reference.end_date, s.time_zone),
        shifted_days = s.shifted_days + (
            (p_new.start_date at time zone v_zone)::date - (p_reference.start_date at time zone s.time_zone)::date
        )
    where s.id = p_series.id;
    return v_report;
end;
$$;

-- Writes to all of these what does not depend on time: to those that were moved by themselves, too.
create function app.describe_instances(p_ids uuid[], p_changes jsonb, p_new public.reservations)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_id uuid;
begin
    if not p_changes ?| array['title', 'guest_count', 'notes', 'metadata', 'guests'] then
        return;
    end if;
    update public.reservations r
    set title = case when p_changes ? 'title' then p_new.title else r.title end,
        guest_count = case when p_changes ? 'guest_count' then p_new.guest_count else r.guest_count end,
        -- Notes and guests have the reservation's version too: it counts although no column here has changed.
        updated_at = clock_timestamp()
    where r.id = any (p_ids);
    if p_changes ?| array['notes', 'metadata', 'guests'] then
        foreach v_id in array p_ids loop
            perform app.save_details(v_id, p_changes);
        end loop;
    end if;
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
        v_series, p_expected_version, case when v_series.version <= p_expected_version + 1 then p_expected_version else v_series.version end
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
    select r.* into v_reference from public.reservations r where r.id = v_instance.reservation_id;
    if not found then
        select (m.old_row).* into v_reference from unnest(v_moves) m order by m.detached, m.place limit 1;
    end if;
    -- What has no more than a title to tell may follow an exception; what moves needs to know from where.
    if p_changes ?| array['asset_id', 'start_date', 'end_date'] and (
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
    v_answer := app.series_json(v_series)
        || jsonb_build_object('changed', app.changes_json(v_moves, v_report)) || case when v_series.id <> p_series_id then jsonb_build_object('previous_series_id', p_series_id) else '{}' end;
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
