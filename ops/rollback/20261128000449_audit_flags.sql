-- Takes back 20261128000449_audit_flags.sql.
-- Loses: nothing.
-- Note: what is switched until it comes again leaves no entry.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop trigger "Audit_1" on app.feature_flags;
drop trigger "Audit_2" on app.feature_flags;
drop trigger "Audit_3" on app.feature_flags;
