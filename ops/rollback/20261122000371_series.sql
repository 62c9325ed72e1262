-- Takes back 20261122000371_series.sql.
-- Loses: public.reservation_series, app.series_instances (the rules of the series), and which booking was of which
-- series: public.reservations.series_id is emptied, as the migration itself does. That is a change of those bookings, which
-- counts in public.reservations.version, public.reservations.updated_at, and is told in public.calendar_events,
-- app.event_counters.
-- Keeps: every instance, as a booking of its own.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

update public.reservations r set series_id = null where r.series_id is not null;
-- What the deferred triggers have to log of it comes before their tables change.
set constraints all immediate;

drop trigger series_notes_its_instances on public.reservations;
drop index public.idx_reservations_series;
alter table public.reservations drop constraint reservations_series_fkey;

drop function public.get_series(uuid);
drop function app.series_json(public.reservation_series);
drop function app.series_span(timestamp, interval, text);
drop function app.changeable_series(uuid);
drop function app.visible_series(uuid);

drop table app.series_instances;
drop table public.reservation_series;

drop function app.note_instance_change();

-- As 20261122000200_reservations.sql made it.
create or replace function app.count_details_change()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if tg_op <> 'UPDATE' or new.* is distinct from old.* then
        update public.reservations r
        set updated_at = now()
        where r.id in (old.reservation_id, new.reservation_id) and r.updated_at <> now();
    end if;
    return null;
end;
$$;
