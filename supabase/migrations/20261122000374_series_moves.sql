-- Moving the instances of a series, and making a series of its own of those that follow.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

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
