-- Takes back 20261122000290_stats.sql.
-- Loses: app.stats_refreshed (when the statistics were last refreshed; they are counted anew).
-- Keeps: the extension pg_cron; its job goes.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

do $$
begin
    if to_regclass('cron.job') is not null then
        perform cron.unschedule(j.jobid) from cron.job j where j.jobname = 'refresh-organization-stats';
    end if;
end;
$$;

drop function public.organization_stats(uuid);
drop function app.sum_of(jsonb, public.asset_section[]);
drop function public.refresh_organization_stats();

drop table app.stats_refreshed;
drop materialized view app.mv_organization_stats;
drop view app.organization_figures;
