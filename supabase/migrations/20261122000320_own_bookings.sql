-- One's own bookings, as the rules count them. What counts as one's own: the same person's in the same organisation, of
-- a status that holds its slot. Holds, and what was rejected, canceled or displaced, are no use of anything.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- A person may have thousands of past bookings: every count below reads the part of this index that its period touches.
-- squawk-ignore require-concurrent-index-creation
create index idx_reservations_user_start on public.reservations (user_id, organization_id, start_date, end_date)
    where status = any ('{pending,approved,completed}'::public.reservation_status[]);

-- The person's other bookings that may touch these local days, both included; a day more at each end, for the zones
-- differ, so that who counts days has to clip them. p_scope: 'asset', 'section' or 'organization'. Local days are those of
-- the zone of the asset that was booked, also where several are counted together: what a booking uses then depends on
-- that booking alone, and not on which of two was made first. Without a SET clause, so that queries see through it to
-- the index.
create function app.own_bookings(p_case app.booking_case, p_from date, p_to date, p_scope text)
returns table (asset_id uuid, time_zone text, start_date timestamptz, end_date timestamptz)
language sql
stable
parallel safe
as $$
    select r.asset_id, a.timezone, r.start_date, r.end_date
    from public.reservations r
    -- Each booking has its asset; as a left join it goes from the plan where nothing of the asset is asked for.
    left join public.assets a on a.id = r.asset_id
    where r.user_id = p_case.user_id
        and r.organization_id = p_case.organization_id
        and app.holds_slot(r.status)
        and r.id <> all (coalesce(p_case.exclude_ids, '{}'))
        and r.start_date < (p_to + 2)::timestamp at time zone 'UTC'
        and r.end_date > (p_from - 1)::timestamp at time zone 'UTC'
        -- No booking is longer than 366 days: the scan ends there.
        and r.start_date > (p_from - 368)::timestamp at time zone 'UTC'
        and (
            p_scope = 'organization'
            or (p_scope = 'asset' and r.asset_id = p_case.asset_id)
            or (p_scope = 'section' and a.section = p_case.section)
        )
$$;

-- No less than what one uses in these days, this booking included, for a tenth of the work that it takes to say it exactly:
-- every booking whole, and in as many local days as it can touch (none is shorter than 20 hours). A section's use is at
-- most the organisation's. A table, so that queries see through it.
create function app.most_use(p_case app.booking_case, p_unit text, p_scope text, p_from date, p_to date)
returns table (most numeric)
language sql
stable
parallel safe
as $$
    select case p_unit
        when 'count' then 1 + count(*)
        when 'hours' then extract(epoch from p_case.end_date - p_case.start_date)
            + coalesce(sum(extract(epoch from o.end_date - o.start_date)), 0)
        else 2 + trunc(extract(epoch from p_case.end_date - p_case.start_date) / 72000)
            + coalesce(sum(2 + trunc(extract(epoch from o.end_date - o.start_date) / 72000)), 0)
    end
    from app.own_bookings(p_case, p_from, p_to, 'organization') o
    where p_scope <> 'asset' or o.asset_id = p_case.asset_id
$$;
