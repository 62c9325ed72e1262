-- Takes back 20261122000240_idempotency.sql.
-- Loses: app.idempotency_keys (a request that is sent again with its key is done again).

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function app.keep_answer(text, text, jsonb);
drop function app.claim_idempotency_key(text, text, jsonb);

drop table app.idempotency_keys;

drop function app.require_user();
