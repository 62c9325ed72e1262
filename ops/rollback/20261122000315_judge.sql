-- Takes back 20261122000315_judge.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.weigh(app.booking_case, jsonb, boolean);
drop function app.overridden(jsonb, jsonb, boolean);
drop function app.override_errors(jsonb);
drop function app.judge(app.booking_case);
drop function app.make_case(public.assets, uuid, timestamptz, timestamptz, uuid[], boolean);
