-- Holidays that rules name: Panama's, which are everyone's, and those that an organisation adds for itself.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table public.holidays (
    id uuid primary key default gen_random_uuid(),
    -- Null: built in, everyone's, and nobody's to change.
    organization_id uuid references public.organizations (id) on delete cascade,
    name text not null check (btrim(name) <> '' and length(name) <= 200),
    name_es text check (btrim(name_es) <> '' and length(name_es) <= 200),
    -- Exactly one of the three says when it is. 'MM-DD', every year; 29 February is the 28th in common years.
    month_day text check (month_day ~ '^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' and month_day !~ '^(02-3|(0[469]|11)-31)'),
    -- Days after Easter Sunday, negative before it.
    easter_offset integer check (easter_offset between -100 and 200),
    -- Once.
    date date check (date between '1970-01-01' and '2199-12-31'),
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint holidays_say_when check (num_nonnulls(month_day, easter_offset, date) = 1)
);
create index holidays_organization on public.holidays (organization_id);
alter table public.holidays enable row level security;

create policy "members read the holidays, everyone those built in"
on public.holidays for select to authenticated
using (organization_id is null or organization_id = any (array(select app.member_organizations())));

create policy "admins and owners add holidays"
on public.holidays for insert to authenticated
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners change holidays"
on public.holidays for update to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))))
with check (organization_id = any (array(select app.organizations_as('admin'))));

create policy "admins and owners delete holidays"
on public.holidays for delete to authenticated
using (organization_id = any (array(select app.organizations_as('admin'))));

create policy "holidays are added with the second factor where there is one"
on public.holidays as restrictive for insert to authenticated
with check (app.require_aal2(organization_id, true));

create policy "holidays are changed with the second factor where there is one"
on public.holidays as restrictive for update to authenticated
with check (app.require_aal2(organization_id, true));

create policy "holidays are deleted with the second factor where there is one"
on public.holidays as restrictive for delete to authenticated
using (app.require_aal2(organization_id, true));

grant select, delete on public.holidays to authenticated;
grant insert (organization_id, name, name_es, month_day, easter_offset, date) on public.holidays to authenticated;
grant update (name, name_es, month_day, easter_offset, date) on public.holidays to authenticated;
grant select, insert, update, delete on public.holidays to service_role;

create trigger zz_touch before update on public.holidays
for each row when (old.* is distinct from new.*) execute function app.touch();

-- Article 46 of Panama's Código de Trabajo as changed by Ley 55 of 2001 (5 November) and Ley 291 of 2022 (20 December);
-- of carnival it names the Tuesday only, the other days and 4 November (national symbols) are closed by custom and decree.
-- The day on which a president takes office (1 July of 2029, 2034, …) and the Mondays after Sundays (article 47) are left
-- to each organisation: add them as holidays of its own, or pad by days_after.
insert into public.holidays (id, name, name_es, month_day, easter_offset)
values
    ('b0000000-0000-4000-8000-000000000101', 'New Year''s Day', 'Año Nuevo', '01-01', null),
    ('b0000000-0000-4000-8000-000000000109', 'Martyrs'' Day', 'Día de los Mártires', '01-09', null),
    ('b0000000-0000-4000-8000-00000000ca01', 'Carnival Saturday', 'Sábado de Carnaval', null, -50),
    ('b0000000-0000-4000-8000-00000000ca02', 'Carnival Sunday', 'Domingo de Carnaval', null, -49),
    ('b0000000-0000-4000-8000-00000000ca03', 'Carnival Monday', 'Lunes de Carnaval', null, -48),
    ('b0000000-0000-4000-8000-00000000ca04', 'Carnival Tuesday', 'Martes de Carnaval', null, -47),
    ('b0000000-0000-4000-8000-00000000ca05', 'Ash Wednesday', 'Miércoles de Ceniza', null, -46),
    ('b0000000-0000-4000-8000-00000000ea01', 'Good Friday', 'Viernes Santo', null, -2),
    ('b0000000-0000-4000-8000-000000000501', 'Labour Day', 'Día del Trabajo', '05-01', null),
    ('b0000000-0000-4000-8000-000000001103', 'Separation from Colombia', 'Separación de Panamá de Colombia', '11-03', null),
    ('b0000000-0000-4000-8000-000000001104', 'National Symbols Day', 'Día de los Símbolos Patrios', '11-04', null),
    ('b0000000-0000-4000-8000-000000001105', 'Colón Day', 'Día de Colón', '11-05', null),
    ('b0000000-0000-4000-8000-000000001110', 'Cry of Independence of Los Santos', 'Primer Grito de Independencia de la Villa de los Santos', '11-10', null),
    ('b0000000-0000-4000-8000-000000001128', 'Independence from Spain', 'Independencia de Panamá de España', '11-28', null),
    ('b0000000-0000-4000-8000-000000001208', 'Mother''s Day', 'Día de la Madre', '12-08', null),
    ('b0000000-0000-4000-8000-000000001220', 'National Mourning Day', 'Día de Duelo Nacional', '12-20', null),
    ('b0000000-0000-4000-8000-000000001225', 'Christmas Day', 'Navidad', '12-25', null);

-- Easter Sunday of the Gregorian calendar, by the method of Meeus, Jones and Butcher (Astronomical Algorithms, chapter 8).
create function app.easter(p_year integer)
returns date
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
declare
    v_golden integer := p_year % 19;
    v_century integer := p_year / 100;
    v_of_century integer := p_year % 100;
    v_moon integer;
    v_weekday integer;
    v_correction integer;
    v_day integer;
begin
    v_moon := (19 * v_golden + v_century - v_century / 4 - (v_century - (v_century + 8) / 25 + 1) / 3 + 15) % 30;
    v_weekday := (32 + 2 * (v_century % 4) + 2 * (v_of_century / 4) - v_moon - v_of_century % 4) % 7;
    v_correction := (v_golden + 11 * v_moon + 22 * v_weekday) / 451;
    v_day := v_moon + v_weekday - 7 * v_correction + 114;
    return make_date(p_year, v_day / 31, v_day % 31 + 1);
end;
$$;

-- The date of a 'MM-DD' in that year. Without a SET clause, like the next one, so that queries see through them.
create function app.month_day_date(p_month_day text, p_year integer)
returns date
language sql
immutable
parallel safe
as $$
    select case when p_month_day = '02-29' then make_date(p_year, 3, 1) - 1
        else make_date(p_year, left(p_month_day, 2)::integer, right(p_month_day, 2)::integer) end
$$;

-- When these holidays are, from p_from to p_to, both included.
create function app.holiday_dates(p_ids uuid[], p_from date, p_to date)
returns table (holiday_id uuid, name text, name_es text, date date)
language sql
stable
parallel safe
as $$
    select d.id, d.name, d.name_es, d.date
    from (
        select
            h.id, h.name, h.name_es,
            case
                when h.date is not null then h.date
                when h.month_day is not null then app.month_day_date(h.month_day, y.year)
                else y.easter + h.easter_offset
            end as date
        from public.holidays h
        cross join (
            select g.year, app.easter(g.year) as easter
            -- A hundred days before Easter may lie in the year before.
            from generate_series(extract(year from p_from)::integer, extract(year from p_to + 100)::integer) as g(year)
            -- Once a year, not once a holiday.
            offset 0
        ) y
        where h.id = any (p_ids) and (h.date is null or extract(year from h.date) = y.year)
    ) d
    where d.date between p_from and p_to
    order by d.date, d.id
$$;
