-- Photos that want the second factor are refused by Storage as what a policy denies: 403. An error raised inside of a policy
-- is to Storage an error of the database, and came out as 500.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Whether writes in an organisation are open to this sign-in: what app.require_aal2 raises about, as an answer.
create function app.passes_aal2(p_organization_id uuid)
returns boolean
language plpgsql
stable
parallel safe
security definer
set search_path = ''
as $$
begin
    return coalesce(auth.jwt() ->> 'aal', 'aal1') = 'aal2' or not exists (
        select from public.organizations o where o.id = p_organization_id and o.require_mfa
    );
end;
$$;
grant execute on function app.passes_aal2(uuid) to authenticated;

do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    alter policy "photos are uploaded with the second factor that is demanded" on storage.objects
        with check (bucket_id <> 'asset-photos' or app.passes_aal2(app.photo_organization(objects.name)));
    alter policy "photos are deleted with the second factor that is demanded" on storage.objects
        using (bucket_id <> 'asset-photos' or app.passes_aal2(app.photo_organization(objects.name)));
end;
$$;
