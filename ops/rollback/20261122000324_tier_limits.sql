-- Takes back 20261122000324_tier_limits.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.tier_limit_violations(app.booking_case);
