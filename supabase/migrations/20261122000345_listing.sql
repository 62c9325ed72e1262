-- An organisation's bookings as a list: filtered, searched, sorted, a page at a time.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The faults of a list's filters.
create function app.list_errors(
    p_status text[], p_from timestamptz, p_to timestamptz, p_q text, p_sort text, p_page integer, p_page_size integer
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_errors jsonb := '[]';
begin
    if exists (
        select from unnest(p_status) as s(name)
        where s.name is null or s.name <> all (enum_range(null::public.reservation_status)::text[])
    ) then
        v_errors := v_errors || app.field_error('status', 'enum', 'There is no such status.');
    end if;
    v_errors := v_errors || app.range_errors(
        coalesce(p_from, '1970-01-01 00:00+00'), coalesce(p_to, '2199-12-31 23:59:59+00'), 'from', 'to'
    );
    if length(p_q) > 200 then
        v_errors := v_errors || app.field_error(
            'q', 'string_too_long', 'At most 200 characters are allowed.', '{"max_length": 200}'
        );
    end if;
    if p_sort is null or p_sort not in ('start_date', '-start_date', 'created_at', '-created_at') then
        v_errors := v_errors || app.field_error('sort', 'enum', 'There is no such order.');
    end if;
    if p_page is null or p_page not between 1 and 1000000 then
        v_errors := v_errors || app.field_error('page', 'out_of_range', 'Pages begin at 1.', '{"min": 1, "max": 1000000}');
    end if;
    if p_page_size is null or p_page_size not between 1 and 100 then
        v_errors := v_errors || app.field_error(
            'page_size', 'out_of_range', 'This must be between 1 and 100.', '{"min": 1, "max": 100}'
        );
    end if;
    return v_errors;
end;
$$;

-- {items, total}: the bookings that the caller may see, by the same rule as the policy of the table. `q` is looked for in
-- titles only, never in what is not shown. Definer, because under row level security `=` of an enum is not leakproof, and
-- no index would serve it; planned for each call, because most filters are absent from most of them.
create function public.list_reservations(
    p_organization_id uuid, p_asset_id uuid default null, p_user_id uuid default null, p_status text[] default null,
    p_from timestamptz default null, p_to timestamptz default null, p_q text default null,
    p_sort text default 'start_date', p_page integer default 1, p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
    v_sections public.asset_section[];
    v_statuses public.reservation_status[];
    v_column text := ltrim(p_sort, '-');
    v_descending boolean := p_sort like '-%';
    v_q text := nullif(lower(btrim(p_q)), '');
    v_answer jsonb;
begin
    perform app.require_member(p_organization_id);
    perform app.fail_fields(app.list_errors(p_status, p_from, p_to, p_q, p_sort, p_page, p_page_size));
    v_statuses := nullif(p_status, '{}')::public.reservation_status[];
    v_sections := app.visible_sections(p_organization_id);
    with matched as materialized (
        select
            r.id, case when v_column = 'created_at' then r.created_at else r.start_date end as sort_key
        from public.reservations r
        where r.organization_id = p_organization_id
            and (p_asset_id is null or r.asset_id = p_asset_id)
            and (p_user_id is null or r.user_id = p_user_id)
            and (v_statuses is null or r.status = any (v_statuses))
            -- No booking is longer than 366 days, which bounds the index from both sides.
            and (p_from is null or (r.end_date > p_from and r.start_date > p_from - interval '8784 hours'))
            and (p_to is null or r.start_date < p_to)
            and (v_q is null or position(v_q in lower(r.title)) > 0)
            and (r.status <> 'hold' or (r.user_id = auth.uid() and r.hold_expires_at > now()))
            and (
                v_sections is null
                or r.asset_id in (
                    select a.id from public.assets a
                    where a.organization_id = p_organization_id and a.section = any (v_sections)
                )
            )
    ), page as (
        select wanted.id, row_number() over () as place
        from (
            select m.id
            from matched m
            order by
                case when not v_descending then m.sort_key end, case when v_descending then m.sort_key end desc,
                case when not v_descending then m.id end, case when v_descending then m.id end desc
            limit p_page_size offset (p_page - 1) * p_page_size
        ) wanted
    )
    select jsonb_build_object(
        'total', (select count(*) from matched),
        'items', coalesce(
            (
                select jsonb_agg(
                    app.reservation_state(r) || jsonb_build_object(
                        'organization_id', r.organization_id, 'series_id', r.series_id,
                        'hold_expires_at', app.utc(r.hold_expires_at),
                        'approved_by', r.approved_by, 'approved_at', app.utc(r.approved_at),
                        'canceled_at', app.utc(r.canceled_at),
                        'created_at', app.utc(r.created_at), 'updated_at', app.utc(r.updated_at),
                        'booked_by', app.full_name(p.first_name, p.last_name),
                        'asset', jsonb_build_object('name', a.name, 'section', a.section, 'timezone', a.timezone)
                    )
                    order by page.place
                )
                from page
                join public.reservations r on r.id = page.id
                join public.assets a on a.id = r.asset_id
                left join public.profiles p on p.id = r.user_id
            ),
            '[]'
        )
    ) into v_answer;
    return v_answer;
end;
$$;
grant execute on function public.list_reservations(
    uuid, uuid, uuid, text[], timestamptz, timestamptz, text, text, integer, integer
) to authenticated;
