-- The instances of a series that a change means, and their locks.
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
    select array_agg(distinct (m.old_row).asset_id) || p_target_id, coalesce(array_agg(distinct (m.old_row).user_id), '{}')
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
