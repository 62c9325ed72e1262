-- One's own bookings, as the rules count them.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- One's own bookings of a time, which rules count: a person may have thousands of past ones.
-- squawk-ignore require-concurrent-index-creation
create index idx_reservations_user_start on public.reservations (user_id, organization_id, start_date, end_date)
    where status = any ('{pending,approved,completed}'::public.reservation_status[]);
