-- Takes back 20261122000361_waiting.sql.
-- Loses: nothing.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

drop function public.offer_waitlist();
drop function public.list_waitlist(uuid, text, uuid, text, integer, integer);
drop function public.leave_waitlist(uuid);
drop function public.accept_waitlist_offer(uuid, text, integer, text, text);
drop function app.lock_waitlist_entry(uuid, public.waitlist_status[]);
drop function app.visible_waitlist_entry(uuid);
drop function public.join_waitlist(uuid, uuid, text, timestamptz, timestamptz, integer, text);
