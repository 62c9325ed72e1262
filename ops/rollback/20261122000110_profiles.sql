-- Takes back 20261122000110_profiles.sql.
-- Loses: public.profiles (what people have changed in theirs: the migration makes them again, from auth.users).
-- Keeps: the accounts themselves.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop table public.profiles;

-- With their triggers on auth.users, which by name only the owner of that table may drop; postgres is not.
drop function app.follow_email() cascade;
drop function app.profile_new_user() cascade;
drop function app.check_time_zone();
