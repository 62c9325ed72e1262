-- What operators switch off is recorded like any other row: the switches came after the audit's triggers.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

select app.audit_table('app.feature_flags');
