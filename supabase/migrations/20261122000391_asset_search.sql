-- Finding assets: words in English and Spanish, facts of their details, and who is free.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create extension if not exists unaccent with schema extensions;

-- Words as people type them: no accents, nothing but letters and digits between blanks. `HP-1280` would else be parsed as
-- "HP" and the number −1280.
create function app.plain_words(p_text text)
returns text
language sql
stable
parallel safe
set search_path = ''
as $$
    select btrim(regexp_replace(
        lower(extensions.unaccent('extensions.unaccent'::regdictionary, p_text)), '[^[:alnum:]]+', ' ', 'g'
    ))
$$;

-- What an asset is found by: its name before its description, and that before the texts among its details. In three
-- dictionaries: the plain one finds words that are still being typed, which a stem may be shorter than.
create function app.asset_document(p_name text, p_description text, p_details jsonb)
returns tsvector
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_part record;
    v_document tsvector := '';
    v_config regconfig;
begin
    for v_part in
        select app.plain_words(part.text) as words, part.weight
        from (
            values
                (p_name, 'A'::"char"), (p_description, 'B'),
                (
                    (
                        select string_agg(t.value #>> '{}', ' ')
                        from jsonb_path_query(p_details, 'strict $.** ? (@.type() == "string")') as t(value)
                    ), 'C'
                )
        ) as part(text, weight)
        where part.text is not null
    loop
        foreach v_config in array '{simple,english,spanish}'::regconfig[] loop
            v_document := v_document || setweight(to_tsvector(v_config, v_part.words), v_part.weight);
        end loop;
    end loop;
    return v_document;
end;
$$;

-- What is asked for, or null where nothing is: every word, in either language, the last one perhaps not finished. A word
-- that one of the languages passes over (the, con) is not asked for.
create function app.search_query(p_text text)
returns tsquery
language plpgsql
stable
parallel safe
set search_path = ''
-- Words that are passed over are told as notices.
set client_min_messages = warning
as $$
declare
    -- As many as a person types; each costs a look into the index.
    c_most constant integer := 16;
    v_words text[] := (regexp_split_to_array(app.plain_words(p_text), ' '))[1:c_most];
    v_last integer := cardinality(v_words);
    v_query tsquery;
    v_english tsquery;
    v_spanish tsquery;
    v_word tsquery;
begin
    if coalesce(v_words[1], '') = '' then
        return null;
    end if;
    for v_place in 1..v_last loop
        v_english := to_tsquery('english', v_words[v_place]);
        v_spanish := to_tsquery('spanish', v_words[v_place]);
        v_word := to_tsquery('simple', v_words[v_place] || case when v_place = v_last then ':*' else '' end);
        if numnode(v_english) > 0 and numnode(v_spanish) > 0 then
            v_word := v_word || v_english || v_spanish;
        elsif v_place < v_last then
            continue;
        end if;
        v_query := case when v_query is null then v_word else v_query && v_word end;
    end loop;
    return v_query;
end;
$$;

-- Beside the assets and not among their columns: nobody reads it, and a generated column would count as a change of the row.
create table app.asset_documents (
    asset_id uuid primary key references public.assets (id) on delete cascade,
    document tsvector not null
);
alter table app.asset_documents enable row level security;

-- Trigger: keeps an asset's document, whoever writes the asset.
create function app.keep_asset_document()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into app.asset_documents (asset_id, document)
    values (new.id, app.asset_document(new.name, new.description, new.details))
    on conflict (asset_id) do update set document = excluded.document;
    return null;
end;
$$;
create trigger document_of_new after insert on public.assets
for each row execute function app.keep_asset_document();
create trigger document_of_changed after update of name, description, details on public.assets
for each row when (
    (old.name, old.description, old.details) is distinct from (new.name, new.description, new.details)
) execute function app.keep_asset_document();

insert into app.asset_documents (asset_id, document)
select a.id, app.asset_document(a.name, a.description, a.details) from public.assets a;

-- Both without the list of changes that GIN keeps aside: a search would read it through before each answer.
-- squawk-ignore require-concurrent-index-creation
create index idx_assets_search on app.asset_documents using gin (document) with (fastupdate = off);
-- squawk-ignore require-concurrent-index-creation
create index idx_assets_details on public.assets using gin (details jsonb_path_ops) with (fastupdate = off);

-- An asset as the API shows it.
create function app.asset_json(p_asset public.assets)
returns jsonb
language sql
stable
parallel safe
set search_path = ''
as $$
    select to_jsonb(p_asset) || jsonb_build_object(
        'check_in', to_char(p_asset.check_in, 'HH24:MI'),
        'check_out', to_char(p_asset.check_out, 'HH24:MI'),
        'deleted_at', app.utc(p_asset.deleted_at),
        'created_at', app.utc(p_asset.created_at),
        'updated_at', app.utc(p_asset.updated_at)
    )
$$;

create function app.search_errors(
    p_q text, p_status text, p_capacity_min integer, p_free_from timestamptz, p_free_to timestamptz, p_details jsonb,
    p_sort text, p_page integer, p_page_size integer
)
returns jsonb
language plpgsql
stable
parallel safe
set search_path = ''
as $$
declare
    v_errors jsonb := app.column_errors('q', p_q, 200)
        || app.object_errors('details', p_details, 4096)
        || app.between_errors('capacity_min', p_capacity_min, 1, 10000)
        || app.between_errors('page', coalesce(p_page, 0), 1, 1000000)
        || app.between_errors('page_size', coalesce(p_page_size, 0), 1, 100);
begin
    if p_status not in ('active', 'inactive', 'archived') then
        v_errors := v_errors || app.field_error(
            'status', 'enum', 'This must be active, inactive or archived.',
            '{"expected": ["active", "inactive", "archived"]}'
        );
    end if;
    if p_sort !~ '^-?(name|capacity|section|created_at|relevance)$' then
        v_errors := v_errors || app.field_error(
            'sort', 'enum', 'This must be name, capacity, section, created_at or relevance.',
            '{"expected": ["name", "capacity", "section", "created_at", "relevance"]}'
        );
    end if;
    if p_free_from is not null or p_free_to is not null then
        v_errors := v_errors || app.range_errors(p_free_from, p_free_to, 'free_from', 'free_to');
    end if;
    return v_errors;
end;
$$;

-- The assets that the caller may see and that answer to all that is asked, a page of them and how many they are.
-- Planned anew each time: a plan for whatever may be asked could use no index for what is.
create function public.search_assets(
    p_organization_id uuid,
    p_q text default null,
    p_section public.asset_section default null,
    p_status text default null,
    p_capacity_min integer default null,
    p_free_from timestamptz default null,
    p_free_to timestamptz default null,
    p_details jsonb default null,
    p_sort text default null,
    p_page integer default 1,
    p_page_size integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
as $$
declare
    v_role public.member_role := app.require_member(p_organization_id);
    v_sections public.asset_section[] := app.visible_sections(p_organization_id);
    v_query tsquery;
    v_sort text;
    v_descends boolean;
begin
    perform app.fail_fields(app.search_errors(
        p_q, p_status, p_capacity_min, p_free_from, p_free_to, p_details, p_sort, p_page, p_page_size
    ));
    if p_status = 'archived' and v_role > 'admin' then
        perform app.fail(
            'FORBIDDEN', 'Archived assets are for admins and owners.', 403,
            jsonb_build_object('reason', 'role', 'required_role', 'admin')
        );
    end if;
    v_query := app.search_query(p_q);
    -- The best first; what is not asked for by words is in the order of names.
    v_sort := coalesce(ltrim(p_sort, '-'), case when v_query is null then 'name' else 'relevance' end);
    if v_sort = 'relevance' and v_query is null then
        v_sort := 'name';
    end if;
    v_descends := coalesce(starts_with(p_sort, '-'), false);
    return (
        with found as materialized (
            select
                a.id, a.name, a.capacity, a.section, a.created_at,
                -- The most relevant is what `relevance` begins with.
                case when v_sort = 'relevance' then -ts_rank(d.document, v_query) end as distance
            from public.assets a
            -- Gone from the plan where no words are asked for.
            left join app.asset_documents d on d.asset_id = a.id
            where a.organization_id = p_organization_id
                and (v_sections is null or a.section = any (v_sections))
                and (p_section is null or a.section = p_section)
                and case when p_status = 'archived' then a.deleted_at is not null else a.deleted_at is null end
                and (p_status is null or p_status = 'archived' or a.is_active = (p_status = 'active'))
                and (p_capacity_min is null or a.capacity >= p_capacity_min)
                and (p_details is null or a.details @> p_details)
                and (v_query is null or d.document @@ v_query)
                -- One probe of the exclusion constraint's index for each asset that is left; as an anti join of both
                -- relations it would read all bookings.
                and (
                    p_free_from is null
                    or (
                        select true from app.occupancy o
                        where o.asset_id = a.id
                            and o.occupied && tstzrange(p_free_from, p_free_to + app.turnaround(a.turnaround_minutes))
                            and (o.expires_at is null or o.expires_at > now())
                        limit 1
                    ) is null
                )
        ), page as (
            select f.id, row_number() over () as place
            from (
                select f.id
                from found f
                order by
                    case when not v_descends then f.distance end,
                    case when v_descends then f.distance end desc,
                    case when v_sort = 'name' and not v_descends then f.name end,
                    case when v_sort = 'name' and v_descends then f.name end desc,
                    case when v_sort = 'capacity' and not v_descends then f.capacity end,
                    -- What nobody has counted comes last, whichever way.
                    case when v_sort = 'capacity' and v_descends then f.capacity end desc nulls last,
                    case when v_sort = 'section' and not v_descends then f.section end,
                    case when v_sort = 'section' and v_descends then f.section end desc,
                    case when v_sort = 'created_at' and not v_descends then f.created_at end,
                    case when v_sort = 'created_at' and v_descends then f.created_at end desc,
                    case when not v_descends then f.id end,
                    f.id desc
                limit p_page_size offset (p_page - 1) * p_page_size
            ) f
        )
        select jsonb_build_object(
            'items', coalesce(jsonb_agg(
                (select app.asset_json(a) - 'deleted_at' from public.assets a where a.id = p.id) order by p.place
            ), '[]'),
            'total', (select count(*) from found)
        )
        from page p
    );
end;
$$;
grant execute on function public.search_assets(
    uuid, text, public.asset_section, text, integer, timestamptz, timestamptz, jsonb, text, integer, integer
) to authenticated;
