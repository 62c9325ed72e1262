-- Takes back 20261128000440_feature_flags.sql.
-- Loses: app.feature_flags (what is switched off, and why; note it first). All is on afterwards.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.features_json(uuid);
drop function app.require_feature(app.feature, uuid);
drop function app.feature_enabled(app.feature, uuid);
drop function app.features_off();
drop table app.feature_flags;
drop type app.feature;
