-- Schema storage as a hosted project has it before the first migration: buckets and objects, under row level security,
-- belonging to Storage's own role. Written so that it may run again, on an older cluster too.

do $$
begin
    if not exists (select from pg_roles where rolname = 'supabase_storage_admin') then
        create role supabase_storage_admin login noinherit createrole password 'postgres';
    end if;
end
$$;
alter role supabase_storage_admin set search_path = storage;
-- lite serves Storage too: as its owner, whom row level security lets pass, where it keeps its own books.
grant supabase_storage_admin to supabase_lite with inherit true;
-- Hosted projects let postgres write policies on these tables through supautils, without the membership.
grant supabase_storage_admin to postgres;
grant anon, authenticated, service_role to supabase_storage_admin;

create schema if not exists storage authorization supabase_storage_admin;
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on schema storage to dashboard_user;

create table if not exists storage.buckets (
    id text primary key,
    name text not null unique,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    public boolean default false,
    avif_autodetection boolean default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text
);

create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text references storage.buckets (id),
    name text,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_accessed_at timestamptz default now(),
    metadata jsonb,
    path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    version text,
    owner_id text,
    user_metadata jsonb
);
-- The name that Storage knows it by.
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);

alter table storage.buckets owner to supabase_storage_admin;
alter table storage.objects owner to supabase_storage_admin;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role, postgres;

create or replace function storage.foldername(name text) returns text[] language plpgsql immutable as $$
declare
    parts text[] := string_to_array(name, '/');
begin
    return parts[1 : array_length(parts, 1) - 1];
end
$$;

create or replace function storage.filename(name text) returns text language plpgsql immutable as $$
declare
    parts text[] := string_to_array(name, '/');
begin
    return parts[array_length(parts, 1)];
end
$$;

create or replace function storage.extension(name text) returns text language plpgsql immutable as $$
begin
    return reverse(split_part(reverse(storage.filename(name)), '.', 1));
end
$$;

do $$
declare
    routine regprocedure;
begin
    for routine in
        select p.oid from pg_proc p where p.pronamespace = 'storage'::regnamespace
            and p.proowner <> 'supabase_storage_admin'::regrole
    loop
        execute format('alter function %s owner to supabase_storage_admin', routine);
    end loop;
end
$$;
grant execute on all functions in schema storage to postgres, anon, authenticated, service_role;

-- lite stores what should be an object as a JSON string that holds one; see auth.sql.
create or replace function storage.unwrap_lite_object() returns trigger language plpgsql as $$
begin
    if jsonb_typeof(new.metadata) = 'string' then
        new.metadata := (new.metadata #>> '{}')::jsonb;
    end if;
    if jsonb_typeof(new.user_metadata) = 'string' then
        new.user_metadata := (new.user_metadata #>> '{}')::jsonb;
    end if;
    return new;
end
$$;
alter function storage.unwrap_lite_object() owner to supabase_storage_admin;
create or replace trigger unwrap_lite_json before insert or update on storage.objects
for each row execute function storage.unwrap_lite_object();
