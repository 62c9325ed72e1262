-- Demonstration data for development: two organisations that share nothing. All accounts have the password
-- demo-reserve-2026, which is public: never load this file into a project that holds anything real.
-- It may be run again: what is there stays as it is.

-- Accounts. The token columns must be '' and not null, or Auth cannot read the rows.
with secret as materialized (
    select extensions.crypt('demo-reserve-2026', extensions.gen_salt('bf', 10)) as hash
),
person (id, email, first_name, last_name, phone, locale, timezone) as (
    values
        ('d0000000-0000-4000-8000-000000000001'::uuid, 'owner@demo.reservepty.test', 'Olivia', 'Arosemena', '+50760000001', 'es', 'America/Panama'),
        ('d0000000-0000-4000-8000-000000000002'::uuid, 'admin@demo.reservepty.test', 'Andrés', 'Boyd', '+50760000002', 'es', 'America/Panama'),
        ('d0000000-0000-4000-8000-000000000003'::uuid, 'manager@demo.reservepty.test', 'Mariela', 'Chiari', '+50760000003', 'es', 'America/Panama'),
        ('d0000000-0000-4000-8000-000000000004'::uuid, 'member@demo.reservepty.test', 'Mateo', 'Arosemena', '+50760000004', 'es', 'America/Panama'),
        ('d0000000-0000-4000-8000-000000000005'::uuid, 'viewer@demo.reservepty.test', 'Vera', 'Collins', '+12125550105', 'en', 'America/New_York'),
        ('d0000000-0000-4000-8000-000000000011'::uuid, 'owner@rival.reservepty.test', 'Ricardo', 'Vallarino', '+50760000011', 'es', 'America/Panama')
)
insert into auth.users (
    id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
    confirmation_token, recovery_token, email_change, email_change_token_new, email_change_token_current, phone_change,
    phone_change_token, reauthentication_token, created_at, updated_at
)
select
    p.id, 'authenticated', 'authenticated', p.email, s.hash, now(),
    '{"provider": "email", "providers": ["email"]}',
    jsonb_build_object(
        'first_name', p.first_name, 'last_name', p.last_name, 'phone', p.phone, 'locale', p.locale,
        'timezone', p.timezone
    ),
    '', '', '', '', '', '', '', '', now(), now()
from person p
cross join secret s
on conflict do nothing;

-- Supabase's own Auth finds users by instance; lite has no such column.
do $$
begin
    if exists (
        select from information_schema.columns c
        where c.table_schema = 'auth' and c.table_name = 'users' and c.column_name = 'instance_id'
    ) then
        execute $sql$
            update auth.users set instance_id = '00000000-0000-0000-0000-000000000000'
            where instance_id is null and email like '%.reservepty.test'
        $sql$;
    end if;
end;
$$;

insert into auth.identities (id, provider, provider_id, user_id, identity_data, last_sign_in_at, created_at, updated_at)
select
    gen_random_uuid(), 'email', u.id::text, u.id,
    jsonb_build_object('sub', u.id::text, 'email', u.email, 'email_verified', true, 'phone_verified', false),
    now(), now(), now()
from auth.users u
where u.email like '%@demo.reservepty.test' or u.email like '%@rival.reservepty.test'
on conflict do nothing;

insert into public.organizations (id, legal_name, commercial_name, ruc, dv, billing_email, phone, address, timezone)
values
    (
        'd0000000-0000-4000-8000-0000000000a1', 'Demo Family Office, S.A.', 'Demo Family Office', '155700001-2-2026', '42',
        'billing@demo.reservepty.test', '+5073000001',
        '{"street": "Calle 50, Torre Demo, piso 21", "city": "Ciudad de Panamá", "country": "Panamá"}', 'America/Panama'
    ),
    (
        'd0000000-0000-4000-8000-0000000000b1', 'Rival Holdings, Inc.', 'Rival Holdings', '155700009-2-2026', '17',
        'billing@rival.reservepty.test', '+5073000009',
        '{"street": "Avenida Balboa 8", "city": "Ciudad de Panamá", "country": "Panamá"}', 'America/Panama'
    )
on conflict do nothing;

insert into public.subscriptions (id, organization_id, status, seat_limit)
values
    ('d0000000-0000-4000-8000-0000000000a2', 'd0000000-0000-4000-8000-0000000000a1', 'active', 25),
    ('d0000000-0000-4000-8000-0000000000b2', 'd0000000-0000-4000-8000-0000000000b1', 'trial', 5)
on conflict do nothing;

insert into public.entitlements (organization_id, subscription_id, section)
select s.organization_id, s.id, e.section
from public.subscriptions s
cross join unnest(enum_range(null::public.asset_section)) as e(section)
where s.id in ('d0000000-0000-4000-8000-0000000000a2', 'd0000000-0000-4000-8000-0000000000b2')
on conflict do nothing;

-- Extended family and staff do not see everything: their sections are named.
insert into public.tiers (id, organization_id, name, priority, color, can_override, is_default, sections)
values
    ('d0000000-0000-4000-8000-0000000000c1', 'd0000000-0000-4000-8000-0000000000a1', 'Principals', 10, '#b45309', true, false, null),
    ('d0000000-0000-4000-8000-0000000000c2', 'd0000000-0000-4000-8000-0000000000a1', 'Family', 20, '#0f766e', false, true, null),
    ('d0000000-0000-4000-8000-0000000000c3', 'd0000000-0000-4000-8000-0000000000a1', 'Extended family', 30, '#1d4ed8', false, false, '{residences,watercraft}'),
    ('d0000000-0000-4000-8000-0000000000c4', 'd0000000-0000-4000-8000-0000000000a1', 'Staff', 40, '#64748b', false, false, '{planes,helicopters}'),
    ('d0000000-0000-4000-8000-0000000000d1', 'd0000000-0000-4000-8000-0000000000b1', 'Standard', 100, '#64748b', false, true, null)
on conflict do nothing;

insert into public.organization_members (organization_id, user_id, role, tier_id)
values
    ('d0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-000000000001', 'owner', 'd0000000-0000-4000-8000-0000000000c1'),
    ('d0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-000000000002', 'admin', 'd0000000-0000-4000-8000-0000000000c1'),
    ('d0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-000000000003', 'manager', 'd0000000-0000-4000-8000-0000000000c4'),
    ('d0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-000000000004', 'member', 'd0000000-0000-4000-8000-0000000000c2'),
    ('d0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-000000000005', 'viewer', 'd0000000-0000-4000-8000-0000000000c3'),
    ('d0000000-0000-4000-8000-0000000000b1', 'd0000000-0000-4000-8000-000000000011', 'owner', 'd0000000-0000-4000-8000-0000000000d1')
on conflict do nothing;

insert into public.assets (
    id, organization_id, section, name, description, details, timezone, turnaround_minutes, check_in, check_out, capacity,
    current_location
)
values
    (
        'd0000000-0000-4000-8000-000000000101', 'd0000000-0000-4000-8000-0000000000a1', 'planes', 'Gulfstream G280',
        'Super-midsize jet, based at Albrook.',
        '{"tail_number": "HP-1280", "manufacturer": "Gulfstream", "model": "G280", "year": 2019, "range_nm": 3600}',
        'America/Panama', 90, null, null, 10, '{"airport": "MPMG", "city": "Ciudad de Panamá"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000102', 'd0000000-0000-4000-8000-0000000000a1', 'planes', 'Cessna Caravan',
        'Turboprop for the islands and short strips.',
        '{"tail_number": "HP-1742", "manufacturer": "Cessna", "model": "208B Grand Caravan EX", "year": 2016, "range_nm": 900}',
        'America/Panama', 45, null, null, 9, '{"airport": "MPMG", "city": "Ciudad de Panamá"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000103', 'd0000000-0000-4000-8000-0000000000a1', 'helicopters', 'Airbus H145',
        'Twin-engine, for Contadora and the highlands.',
        '{"tail_number": "HP-1145", "manufacturer": "Airbus", "model": "H145 D3", "year": 2021, "range_nm": 350}',
        'America/Panama', 30, null, null, 8, '{"helipad": "Costa del Este"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000104', 'd0000000-0000-4000-8000-0000000000a1', 'residences', 'Casa Contadora',
        'Beach house on Isla Contadora, with its own dock.',
        '{"bedrooms": 6, "bathrooms": 7, "pool": true, "staff": ["cook", "captain"]}',
        'America/Panama', 240, '15:00', '11:00', 14, '{"city": "Isla Contadora", "country": "Panamá"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000105', 'd0000000-0000-4000-8000-0000000000a1', 'residences', 'Tribeca Loft',
        'Apartment in New York, with a doorman.',
        '{"bedrooms": 3, "bathrooms": 2, "floor": 9, "parking": false}',
        'America/New_York', 180, '16:00', '10:00', 6, '{"city": "New York", "country": "USA"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000106', 'd0000000-0000-4000-8000-0000000000a1', 'watercraft', 'Sunseeker Perla',
        'Motor yacht of 28 metres.',
        '{"registration": "PA-28-117", "manufacturer": "Sunseeker", "length_m": 28, "berths": 9, "crew": 4}',
        'America/Panama', 180, null, null, 12, '{"marina": "Flamenco", "city": "Ciudad de Panamá"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000107', 'd0000000-0000-4000-8000-0000000000a1', 'watercraft', 'Boston Whaler 38',
        'Sport fishing in the Gulf of Chiriquí.',
        '{"registration": "PA-11-380", "manufacturer": "Boston Whaler", "length_m": 11.8, "berths": 2, "crew": 1}',
        'America/Panama', 60, null, null, 8, '{"marina": "Boca Chica", "city": "Chiriquí"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000201', 'd0000000-0000-4000-8000-0000000000b1', 'planes', 'Phenom 300E',
        'Light jet of Rival Holdings.',
        '{"tail_number": "HP-1300", "manufacturer": "Embraer", "model": "Phenom 300E", "year": 2022, "range_nm": 2010}',
        'America/Panama', 60, null, null, 8, '{"airport": "MPTO"}'
    ),
    (
        'd0000000-0000-4000-8000-000000000202', 'd0000000-0000-4000-8000-0000000000b1', 'residences', 'Finca Boquete',
        'Coffee estate in the highlands.',
        '{"bedrooms": 5, "bathrooms": 4, "pool": false}',
        'America/Panama', 240, '14:00', '12:00', 10, '{"city": "Boquete", "country": "Panamá"}'
    )
on conflict do nothing;

-- Bookings of the weeks to come.
-- In the local time of each asset, counted from today; what is there already keeps its dates when the file runs again.
with booking (n, organization, asset, person, title, first_day, starts, last_day, ends, guest_count, status) as (
    values
        (1, 'a1', '101', '01', 'Board meeting in Bogotá', 2, '07:00'::time, 2, '19:30'::time, 5, 'approved'),
        (2, 'a1', '101', '04', 'Weekend in Cartagena', 5, '09:00', 7, '18:00', 6, 'approved'),
        (3, 'a1', '101', '02', 'Miami, maintenance review', 11, '06:30', 12, '21:00', 3, 'approved'),
        (4, 'a1', '102', '04', 'Day trip to Bocas del Toro', 3, '08:00', 3, '17:00', 4, 'approved'),
        (5, 'a1', '102', '03', 'Visit to the farm in Chiriquí', 9, '07:00', 10, '16:00', 2, 'approved'),
        (6, 'a1', '103', '01', 'To Contadora', 1, '16:00', 1, '17:30', 4, 'approved'),
        (7, 'a1', '103', '04', 'Site visit in Coclé', 8, '08:00', 8, '12:00', 3, 'approved'),
        (8, 'a1', '104', '04', 'Birthday on the island', 4, '15:00', 8, '11:00', 8, 'approved'),
        (9, 'a1', '104', '01', 'Family week', 12, '15:00', 19, '11:00', 10, 'approved'),
        (10, 'a1', '104', '02', 'Guests from Madrid', 24, '15:00', 28, '11:00', 6, 'pending'),
        (11, 'a1', '105', '03', 'Auction week', 6, '16:00', 11, '10:00', 2, 'approved'),
        (12, 'a1', '105', '01', 'Opera and museums', 18, '16:00', 22, '10:00', 4, 'approved'),
        (13, 'a1', '106', '04', 'Sunset cruise', 2, '16:00', 2, '20:00', 9, 'approved'),
        (14, 'a1', '106', '01', 'Las Perlas', 13, '08:00', 15, '18:00', 8, 'approved'),
        (15, 'a1', '107', '03', 'Marlin tournament', 7, '05:00', 7, '18:00', 5, 'approved'),
        (16, 'b1', '201', '11', 'Guatemala and back', 4, '07:00', 4, '20:00', 4, 'approved'),
        (17, 'b1', '202', '11', 'Harvest', 10, '14:00', 16, '12:00', 7, 'approved')
)
insert into public.reservations (
    id, organization_id, asset_id, user_id, title, start_date, end_date, guest_count, status, approved_at
)
select
    ('d0000000-0000-4000-8000-000000001' || lpad(b.n::text, 3, '0'))::uuid, a.organization_id, a.id,
    ('d0000000-0000-4000-8000-0000000000' || b.person)::uuid, b.title,
    (date_trunc('day', now() at time zone a.timezone) + make_interval(days => b.first_day) + b.starts) at time zone a.timezone,
    (date_trunc('day', now() at time zone a.timezone) + make_interval(days => b.last_day) + b.ends) at time zone a.timezone,
    b.guest_count, b.status::public.reservation_status, case when b.status = 'approved' then now() end
from booking b
join public.assets a
    on a.id = ('d0000000-0000-4000-8000-000000000' || b.asset)::uuid
        and a.organization_id = ('d0000000-0000-4000-8000-0000000000' || b.organization)::uuid
on conflict do nothing;

insert into public.reservation_details (reservation_id, notes, metadata)
values
    (
        'd0000000-0000-4000-8000-000000001001', 'Catering for five, a car at the terminal.',
        '{"legs": [{"from": "MPMG", "to": "SKBO"}, {"from": "SKBO", "to": "MPMG"}]}'
    ),
    ('d0000000-0000-4000-8000-000000001008', 'A cake for twenty. The children take the dock rooms.', '{}'),
    ('d0000000-0000-4000-8000-000000001014', null, '{"ports": ["Flamenco", "Contadora", "Isla San José"]}')
on conflict do nothing;

insert into public.reservation_guests (reservation_id, position, name, email)
values
    ('d0000000-0000-4000-8000-000000001001', 1, 'Camila Restrepo', 'camila.restrepo@example.com'),
    ('d0000000-0000-4000-8000-000000001001', 2, 'Jorge Salazar', null),
    ('d0000000-0000-4000-8000-000000001008', 1, 'Lucía Arosemena', null)
on conflict do nothing;

-- Rules of the demo office, so that the engine can be seen at work: see docs/booking.md.
insert into public.tier_booking_rules (
    id, organization_id, tier_id, name, description, rule_type, conditions, effect, applies_to_all_assets, priority,
    overridable_by, approval_type
)
values
    (
        'd0000000-0000-4000-8000-000000002001', 'd0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-0000000000c2',
        'Christmas at Contadora', 'From 20 December to Epiphany the house is the principals''.', 'date_range',
        '{"start_month_day": "12-20", "end_month_day": "01-06"}', 'deny', false, 100, '{admin,owner}', 'any_approver'
    ),
    (
        'd0000000-0000-4000-8000-000000002002', 'd0000000-0000-4000-8000-0000000000a1', null,
        'Guests on the island', null, 'custom',
        '{"description": "Somebody makes sure that the cook and the captain are there."}', 'require_approval', false, 100, '{}',
        'any_approver'
    ),
    (
        'd0000000-0000-4000-8000-000000002003', 'd0000000-0000-4000-8000-0000000000a1', null,
        'A day''s notice for the helicopter', 'The pilots are on call, not at work.', 'lead_time', '{"min_hours": 24}', 'deny',
        false, 50, '{manager,admin,owner}', 'any_approver'
    ),
    (
        'd0000000-0000-4000-8000-000000002004', 'd0000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-0000000000c2',
        'Three weeks of houses a year', null, 'quota',
        '{"amount": 21, "unit": "nights", "period": "year", "scope": "section"}', 'deny', false, 100, '{}', 'any_approver'
    ),
    (
        'd0000000-0000-4000-8000-000000002005', 'd0000000-0000-4000-8000-0000000000a1', null,
        'Carnival by jet', 'Slots at the airport are short: the principals agree.', 'holiday',
        '{
            "holiday_ids": [
                "b0000000-0000-4000-8000-00000000ca01", "b0000000-0000-4000-8000-00000000ca02",
                "b0000000-0000-4000-8000-00000000ca03", "b0000000-0000-4000-8000-00000000ca04",
                "b0000000-0000-4000-8000-00000000ca05"
            ],
            "days_before": 1
        }',
        'require_approval', false, 100, '{}', 'all_principals'
    )
on conflict do nothing;

insert into public.tier_rule_assets (rule_id, asset_id, organization_id)
select
    ('d0000000-0000-4000-8000-00000000200' || w.rule)::uuid, ('d0000000-0000-4000-8000-000000000' || w.asset)::uuid,
    'd0000000-0000-4000-8000-0000000000a1'
from (
    values (1, '104'), (2, '104'), (3, '103'), (4, '104'), (4, '105'), (5, '101')
) as w (rule, asset)
on conflict do nothing;

-- Time that is taken away, counted from today as above: days of the family assembly, and a haul-out that leaves the
-- tournament its day.
insert into public.blackout_dates (id, organization_id, asset_id, start_date, end_date, reason)
select
    'd0000000-0000-4000-8000-000000003001', a.organization_id, a.id, (now() at time zone a.timezone)::date + 40,
    (now() at time zone a.timezone)::date + 43, 'Family assembly'
from public.assets a
where a.id = 'd0000000-0000-4000-8000-000000000104'
on conflict do nothing;

insert into public.maintenance_windows (id, organization_id, asset_id, title, start_date, end_date, resolution, created_by)
select
    'd0000000-0000-4000-8000-000000004001', a.organization_id, a.id, 'Haul-out and new propellers',
    (date_trunc('day', now() at time zone a.timezone) + interval '6 days 8 hours') at time zone a.timezone,
    (date_trunc('day', now() at time zone a.timezone) + interval '9 days 17 hours') at time zone a.timezone,
    'keep', 'd0000000-0000-4000-8000-000000000002'
from public.assets a
where a.id = 'd0000000-0000-4000-8000-000000000107'
on conflict do nothing;

-- Who is asked about the guests from Madrid: the owner and the manager, any of whom decides.
insert into public.approval_requests (
    id, organization_id, reservation_id, user_id, submitted_by, rule_id, rule_type, rule_name, rule_version, approval_type,
    required, timeout_hours, expires_at
)
select
    'd0000000-0000-4000-8000-000000005001', r.organization_id, r.id, r.user_id, r.user_id, b.id, b.rule_type::text, b.name,
    b.version, b.approval_type::text, 1, b.timeout_hours, least(now() + make_interval(hours => b.timeout_hours), r.start_date)
from public.reservations r
join public.tier_booking_rules b on b.id = 'd0000000-0000-4000-8000-000000002002'
where r.id = 'd0000000-0000-4000-8000-000000001010' and r.status = 'pending'
on conflict do nothing;

insert into public.rule_approvals (id, organization_id, request_id, user_id)
select
    ('d0000000-0000-4000-8000-00000000510' || p.n)::uuid, q.organization_id, q.id,
    ('d0000000-0000-4000-8000-00000000000' || p.n)::uuid
from public.approval_requests q
cross join (values (1), (3)) as p (n)
where q.id = 'd0000000-0000-4000-8000-000000005001' and q.status = 'pending'
on conflict do nothing;
