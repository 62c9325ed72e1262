-- Booking a series: all its instances in one transaction, each judged as a single booking is, the earlier ones counted.
-- Locks as in create_reservation: one asset, one person.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- An instance as it is to be, in the order of its series.
create type app.series_slot as (
    place integer, starts_at timestamp, start_date timestamptz, end_date timestamptz, excluded boolean
);

-- From the start to the end in local time, or as it is where clocks leave nothing between them: 1:50 to 1:10 in autumn.
create function app.local_length(p_start timestamptz, p_end timestamptz, p_time_zone text)
returns interval
language sql
immutable
parallel safe
set search_path = ''
as $$
    select case when p_end at time zone p_time_zone > p_start at time zone p_time_zone
        then (p_end at time zone p_time_zone) - (p_start at time zone p_time_zone) else p_end - p_start end
$$;

-- The slots of a valid rule, one more than a series may have if there are as many. The first is taken at its word: who
-- asks for the second 1:30 of an autumn night gets that one.
create function app.series_slots(
    p_rrule text, p_start timestamptz, p_end timestamptz, p_exdates timestamptz[], p_time_zone text
)
returns app.series_slot[]
language plpgsql
stable
set search_path = ''
as $$
declare
    v_local timestamp := p_start at time zone p_time_zone;
    v_length interval := app.local_length(p_start, p_end, p_time_zone);
begin
    return array(
        select row(
            s.place, s.starts_at, lower(s.span), upper(s.span), lower(s.span) = any (coalesce(p_exdates, '{}'))
        )::app.series_slot
        from (
            select
                e.place::integer, e.starts_at,
                case when e.starts_at = v_local then tstzrange(p_start, p_end)
                    else app.series_span(e.starts_at, v_length, p_time_zone) end as span
            from app.expand_rrule(p_rrule, v_local, '{}', 367, p_time_zone) with ordinality as e(starts_at, place)
        ) s
        order by s.place
    );
end;
$$;

-- Slots that can be nobody's: over the one before, turnaround included, in the past, or beyond what a booking may be.
create function app.slot_errors(p_slots app.series_slot[], p_turnaround interval, p_path text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_slot record;
begin
    select s.* into v_slot
    from (
        select
            k.place, k.start_date, k.end_date,
            lag(k.end_date) over (order by k.start_date, k.place) + p_turnaround as free_from
        from unnest(p_slots) as k
        where not k.excluded
    ) s
    where s.start_date < s.free_from or s.start_date < date_trunc('minute', now())
        or s.end_date >= '2200-01-01 00:00+00' or s.end_date - s.start_date > interval '366 days'
    order by s.start_date
    limit 1;
    if not found then
        return '[]';
    elsif v_slot.start_date < date_trunc('minute', now()) then
        return jsonb_build_array(app.field_error(
            p_path, 'datetime_future', format('Instance %s would begin in the past.', v_slot.place),
            jsonb_build_object('index', v_slot.place)
        ));
    elsif v_slot.start_date < v_slot.free_from then
        return jsonb_build_array(app.field_error(
            p_path, 'self_overlap', format('Instance %s begins before the one before it is over.', v_slot.place),
            jsonb_build_object(
                'index', v_slot.place, 'start_date', app.utc(v_slot.start_date), 'free_from', app.utc(v_slot.free_from)
            )
        ));
    end if;
    return jsonb_build_array(app.field_error(
        p_path, 'instance_out_of_range', format('Instance %s is too long or too late.', v_slot.place),
        jsonb_build_object('index', v_slot.place)
    ));
end;
$$;

-- What is wrong with the slots that a valid rule comes to.
create function app.series_errors(
    p_slots app.series_slot[], p_rrule text, p_exdates timestamptz[], p_turnaround interval
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_count integer := cardinality(p_slots);
begin
    if v_count = 0 then
        return jsonb_build_array(app.rrule_error('rrule_no_instances', 'The rule names no day from the start on.'));
    elsif v_count > 366 then
        return jsonb_build_array(app.rrule_error(
            'rrule_too_many_instances', 'A series has 366 instances at most.', '{"max": 366}'
        ));
    elsif v_count < (app.parse_rrule(p_rrule) ->> 'count')::integer
        or (p_slots[v_count]).end_date >= '2200-01-01 00:00+00'
    then
        return jsonb_build_array(app.rrule_error('rrule_out_of_range', 'The series goes on beyond the year 2199.'));
    end if;
    return app.slot_errors(p_slots, p_turnaround, 'rrule')
        || coalesce(
            (
                select jsonb_agg(app.field_error(
                    'exdates.' || (e.place - 1), 'not_an_instance', 'No instance of the series begins then.'
                ) order by e.place)
                from unnest(p_exdates) with ordinality as e(at, place)
                where e.at is null or not exists (select from unnest(p_slots) k where k.start_date = e.at)
            ),
            '[]'
        )
        || case when exists (select from unnest(p_slots) k where not k.excluded) then '[]'
            else jsonb_build_array(app.field_error('exdates', 'nothing_left', 'Every instance is left out.')) end;
end;
$$;

-- What stands in the way, at most five entries: a series' report holds it for each of hundreds of instances.
create function app.slot_conflicts(p_asset public.assets, p_start timestamptz, p_end timestamptz, p_exclude_ids uuid[] default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
    if not app.is_taken(p_asset, p_start, p_end, p_exclude_ids) then
        return '[]';
    end if;
    return jsonb_path_query_array(
        app.conflicts(p_asset.id, tstzrange(p_start, p_end + app.turnaround(p_asset.turnaround_minutes)), p_exclude_ids),
        '$[0 to 4]'
    );
end;
$$;

-- An entry of a report.
create function app.slot_report(
    p_slot app.series_slot, p_outcome text, p_reservation_id uuid, p_conflicts jsonb default '[]', p_violations jsonb default '[]'
)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'index', p_slot.place, 'start_date', app.utc(p_slot.start_date), 'end_date', app.utc(p_slot.end_date),
        'outcome', p_outcome, 'reservation_id', p_reservation_id, 'conflicts', p_conflicts, 'violations', p_violations
    )
$$;

-- Books one instance, or finds out why not: its entry of the report, with the ids of the rules that were set aside.
create function app.place_instance(
    p_series public.reservation_series, p_asset public.assets, p_slot app.series_slot, p_values jsonb, p_override jsonb
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_case app.booking_case := app.make_case(p_asset, p_series.user_id, p_slot.start_date, p_slot.end_date);
    v_verdict app.verdict := app.weigh(v_case, p_override, true);
    v_conflicts jsonb := app.slot_conflicts(p_asset, p_slot.start_date, p_slot.end_date);
    v_overridden jsonb := jsonb_build_object('overridden', jsonb_path_query_array(v_verdict.overridden, '$[*].rule_id'));
    v_row public.reservations;
    v_error jsonb;
    v_message text;
begin
    if v_verdict.outcome = 'refused' then
        return app.slot_report(p_slot, 'refused', null, v_conflicts, v_verdict.violations) || v_overridden;
    elsif v_conflicts <> '[]' then
        return app.slot_report(p_slot, 'conflict', null, v_conflicts, v_verdict.violations) || v_overridden;
    end if;
    v_row := app.place_booking(p_asset, v_case, v_verdict, p_values, p_series.id);
    return app.slot_report(p_slot, v_row.status::text, v_row.id, '[]', v_verdict.violations) || v_overridden;
exception
    -- What concerns this instance alone, and is found only when it is written: nobody may approve it.
    when sqlstate 'PGRST' then
        get stacked diagnostics v_message = message_text;
        v_error := v_message::jsonb;
        if v_error ->> 'code' <> 'NO_ELIGIBLE_APPROVER' then
            raise;
        end if;
        return app.slot_report(p_slot, 'refused', null, '[]', v_verdict.violations) || v_overridden || jsonb_build_object(
            'error', jsonb_build_object(
                'code', v_error ->> 'code', 'message', v_error ->> 'message', 'details', (v_error ->> 'details')::jsonb
            )
        );
end;
$$;

-- Raises what became of a series that was not written: RULE_VIOLATION where a rule refused an instance, else CONFLICT,
-- with the whole report. The first violations and the first conflicts stand where those of a single booking do.
create function app.fail_series(p_report jsonb)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_details jsonb := jsonb_build_object(
        'instances', p_report,
        'conflicts', coalesce(jsonb_path_query_first(p_report, '$[*] ? (@.outcome == "conflict").conflicts'), '[]')
    );
begin
    if p_report @> '[{"outcome": "refused"}]' then
        perform app.fail(
            'RULE_VIOLATION', 'The rules do not allow each booking of the series.', 422,
            v_details || jsonb_build_object(
                'reason', 'series', 'violations', jsonb_path_query_first(p_report, '$[*] ? (@.outcome == "refused").violations')
            )
        );
    end if;
    perform app.fail(
        'CONFLICT', 'The asset is taken at some of the times.', 409,
        v_details || '{"alternatives": [], "reason": "series"}'
    );
end;
$$;

-- All that can be known to be wrong before anything is locked.
create function app.check_series(
    p_asset public.assets, p_values jsonb, p_start timestamptz, p_end timestamptz, p_rrule text, p_on_conflict text,
    p_exdates timestamptz[]
)
returns app.series_slot[]
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := app.booking_errors(
        p_values ->> 'title', p_start, p_end, (p_values ->> 'guest_count')::integer, p_values ->> 'notes',
        p_values -> 'metadata', p_values -> 'guests', p_asset.capacity, date_trunc('minute', now())
    ) || app.rrule_errors(p_rrule);
    v_slots app.series_slot[];
begin
    if p_on_conflict is null or p_on_conflict not in ('all_or_nothing', 'skip') then
        v_errors := v_errors || app.field_error(
            'on_conflict', 'enum', 'This must be all_or_nothing or skip.', '{"expected": ["all_or_nothing", "skip"]}'
        );
    end if;
    if cardinality(p_exdates) > 366 then
        v_errors := v_errors || app.field_error('exdates', 'too_long', 'At most 366 times are allowed.', '{"max_length": 366}');
    end if;
    perform app.fail_fields(v_errors);
    v_slots := app.series_slots(p_rrule, p_start, p_end, p_exdates, p_asset.timezone);
    perform app.fail_fields(
        app.series_errors(v_slots, p_rrule, p_exdates, app.turnaround(p_asset.turnaround_minutes))
    );
    return v_slots;
end;
$$;

-- Books a series for the caller. p_start_date and p_end_date are the first instance's; p_rrule (RFC 5545, with COUNT or
-- UNTIL) names the others by local time in the asset's zone: nine o'clock stays nine o'clock. With 'all_or_nothing' one
-- instance that cannot be booked refuses them all, with 'skip' it is left out; the report says of each what became of it.
create function public.create_series(
    p_asset_id uuid, p_title text, p_start_date timestamptz, p_end_date timestamptz, p_rrule text,
    p_on_conflict text default 'all_or_nothing', p_exdates timestamptz[] default null, p_guest_count integer default null,
    p_notes text default null, p_metadata jsonb default null, p_guests jsonb default null, p_override jsonb default null,
    p_idempotency_key text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set lock_timeout = '5s'
as $$
declare
    v_values jsonb := jsonb_build_object(
        'title', p_title, 'guest_count', p_guest_count, 'notes', p_notes, 'metadata', p_metadata, 'guests', p_guests
    );
    v_override jsonb := nullif(p_override, 'null');
    v_asset public.assets;
    v_seen integer;
    v_slots app.series_slot[];
    v_slot app.series_slot;
    v_series public.reservation_series;
    v_reports jsonb[] := '{}';
    v_report jsonb;
    v_answer jsonb;
begin
    perform app.require_user();
    v_answer := app.claim_idempotency_key('create_series', p_idempotency_key, v_values || jsonb_build_object(
        'asset_id', p_asset_id, 'start_date', extract(epoch from p_start_date), 'end_date', extract(epoch from p_end_date),
        'rrule', p_rrule, 'on_conflict', p_on_conflict, 'override', p_override,
        'exdates', (select jsonb_agg(extract(epoch from e.at) order by e.place) from unnest(p_exdates) with ordinality e(at, place))
    ));
    if v_answer is not null then
        return v_answer;
    end if;
    v_asset := app.bookable_asset(p_asset_id);
    v_slots := app.check_series(v_asset, v_values, p_start_date, p_end_date, p_rrule, p_on_conflict, p_exdates);
    perform app.lock_assets(array[p_asset_id]);
    perform app.lock_people(v_asset.organization_id, array[auth.uid()]);
    perform app.sweep_asset(p_asset_id);
    v_seen := v_asset.version;
    v_asset := app.bookable_asset(p_asset_id);
    if v_asset.version <> v_seen then
        -- Its zone, turnaround or capacity may be another one by now.
        v_slots := app.check_series(v_asset, v_values, p_start_date, p_end_date, p_rrule, p_on_conflict, p_exdates);
    end if;

    insert into public.reservation_series
        (organization_id, asset_id, user_id, title, rrule, time_zone, starts_at, duration, exdates)
    values (
        v_asset.organization_id, v_asset.id, auth.uid(), btrim(p_title), regexp_replace(upper(btrim(p_rrule)), '^RRULE:', ''),
        v_asset.timezone, (v_slots[1]).starts_at, app.local_length(p_start_date, p_end_date, v_asset.timezone),
        array(select k.starts_at from unnest(v_slots) k where k.excluded order by k.place)
    )
    returning * into v_series;
    foreach v_slot in array v_slots loop
        v_reports := v_reports || case when v_slot.excluded then app.slot_report(v_slot, 'excluded', null)
            else app.place_instance(v_series, v_asset, v_slot, v_values, v_override) end;
    end loop;
    v_report := to_jsonb(v_reports);

    if (p_on_conflict = 'skip' and not v_report @> any (array['[{"outcome": "approved"}]', '[{"outcome": "pending"}]']::jsonb[]))
        or (p_on_conflict <> 'skip' and v_report @> any (array['[{"outcome": "refused"}]', '[{"outcome": "conflict"}]']::jsonb[]))
    then
        -- What was written until now is not.
        perform app.fail_series((
            select jsonb_agg(r.value || '{"reservation_id": null}' order by r.place)
            from jsonb_array_elements(v_report) with ordinality as r(value, place)
        ));
    end if;
    -- A rule that stands in the way of none was named by mistake.
    perform app.fail_fields((
        select jsonb_agg(app.field_error(
            'override.rule_ids.' || (n.place - 1), 'not_triggered', 'This rule does not stand in the way of any instance.'
        ) order by n.place)
        from jsonb_array_elements(v_override -> 'rule_ids') with ordinality as n(id, place)
        where not jsonb_path_exists(v_report, '$[*].overridden[*] ? (@ == $id)', jsonb_build_object('id', lower(n.id #>> '{}')))
    ));
    insert into app.series_instances (series_id, place, starts_at, reservation_id, outcome)
    select v_series.id, k.place, k.starts_at, (r.value ->> 'reservation_id')::uuid, r.value ->> 'outcome'
    from unnest(v_slots) as k
    join jsonb_array_elements(v_report) as r(value) on (r.value ->> 'index')::integer = k.place;
    v_answer := app.series_json(v_series) || jsonb_build_object('instances', v_report);
    perform app.keep_answer('create_series', p_idempotency_key, v_answer);
    return v_answer;
exception
    when lock_not_available or deadlock_detected or serialization_failure then
        perform app.fail_busy();
end;
$$;
grant execute on function public.create_series(
    uuid, text, timestamptz, timestamptz, text, text, timestamptz[], integer, text, jsonb, jsonb, jsonb, text
) to authenticated;
