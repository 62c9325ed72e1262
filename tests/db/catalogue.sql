-- The queries of catalogue.py: each `-- section` comment opens one, which lists one line for each object.

-- prepare
-- Names outside pg_catalog are written in full, whatever the role's own search path is.
set search_path = pg_catalog;
-- Privileges without the owner's own, which are the same everywhere.
create function pg_temp.grants(p_acl aclitem[], p_owner oid) returns text language sql stable as $$
    select '; grants ' || coalesce(string_agg(format('%s to %s', privileges, grantee), ', ' order by grantee), 'none')
    from (
        select
            coalesce(r.rolname, 'public') as grantee,
            string_agg(lower(a.privilege_type), '/' order by a.privilege_type) as privileges
        from aclexplode(p_acl) a
        left join pg_roles r on r.oid = a.grantee
        where a.grantee <> p_owner
        group by 1
    ) each_grantee
$$;

-- section schemas
select format('schema %s', n.nspname) || pg_temp.grants(n.nspacl, n.nspowner)
from pg_namespace n
where n.nspname = 'app';

-- section extensions
select format('extension %s in %s', e.extname, n.nspname)
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname <> 'plpgsql'
order by 1;

-- section types
select format('type %s.%s as enum (%s)', n.nspname, t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder))
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
join pg_enum e on e.enumtypid = t.oid
where n.nspname in ('public', 'app')
group by n.nspname, t.typname
order by 1;

-- section relations
select format(
    '%s %s.%s%s%s',
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end,
    n.nspname, c.relname,
    case when c.relrowsecurity then ' with row level security' end,
    ' (' || array_to_string(c.reloptions, ', ') || ')'
) || pg_temp.grants(c.relacl, c.relowner)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'app') and c.relkind in ('r', 'p', 'v', 'm', 'S')
order by n.nspname, c.relname;

-- section columns
select format(
    'column %s.%s.%s %s%s%s%s',
    n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then ' not null' end,
    case when a.attgenerated = '' then ' default ' else ' generated as ' end || pg_get_expr(d.adbin, d.adrelid),
    case when a.attacl is not null then pg_temp.grants(a.attacl, c.relowner) end
)
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where n.nspname in ('public', 'app') and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
order by n.nspname, c.relname, a.attnum;

-- section constraints
select format('constraint %s on %s.%s %s', con.conname, n.nspname, c.relname, pg_get_constraintdef(con.oid))
from pg_constraint con
join pg_class c on c.oid = con.conrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'app') and con.contype in ('c', 'f', 'p', 'u', 'x')
order by n.nspname, c.relname, con.conname;

-- section indexes
select pg_get_indexdef(i.indexrelid)
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'app')
order by n.nspname, c.relname, 1;

-- section policies
select format(
    'policy "%s" on %s.%s as %s for %s to %s%s%s',
    policyname, schemaname, tablename, lower(permissive), lower(cmd), array_to_string(roles, ', '),
    E'\n    using ' || regexp_replace(qual, '\s+', ' ', 'g'),
    E'\n    with check ' || regexp_replace(with_check, '\s+', ' ', 'g')
)
from pg_policies
where schemaname in ('public', 'app', 'realtime', 'storage')
order by schemaname, tablename, policyname;

-- section functions
select format(
    'function %s.%s(%s) returns %s; %s %s%s%s%s; body %s',
    n.nspname, p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname,
    case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
    case when p.proisstrict then ' strict' end,
    case when p.prosecdef then ' security definer' end,
    ' set ' || array_to_string(p.proconfig, ', '),
    left(md5(p.prosrc), 8)
) || pg_temp.grants(coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where n.nspname in ('public', 'app')
    and not exists (
        select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by n.nspname, p.proname, pg_get_function_identity_arguments(p.oid);

-- section triggers
select pg_get_triggerdef(t.oid)
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal and (n.nspname in ('public', 'app') or p.pronamespace = to_regnamespace('app'))
order by n.nspname, c.relname, t.tgname;

-- section publications
select format('table %s.%s in publication %s', schemaname, tablename, pubname)
from pg_publication_tables
where schemaname in ('public', 'app')
order by 1;

-- section composites
select format('type %s.%s as (%s)', n.nspname, t.relname, string_agg(
    format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum
))
from pg_class t
join pg_namespace n on n.oid = t.relnamespace
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
where n.nspname in ('public', 'app') and t.relkind = 'c'
group by n.nspname, t.relname
order by 1;

-- section views
select format('view %s.%s; definition %s', n.nspname, c.relname, left(md5(pg_get_viewdef(c.oid)), 8))
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'app') and c.relkind in ('v', 'm')
order by 1;

-- section parallel
select format('function %s parallel %s', p.oid::regprocedure, case p.proparallel when 's' then 'safe' else 'restricted' end)
from pg_proc p
where p.pronamespace in (to_regnamespace('public'), to_regnamespace('app')) and p.proparallel <> 'u'
    and not exists (
        select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
order by 1;

-- section comments
select format('comment on %s %s is %L', i.type, i.identity, d.description)
from pg_description d
cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
-- What is older than the database's own first object is Postgres's.
where d.objoid >= 16384 and i.schema in ('public', 'app')
order by 1;

-- section privileges
select format(
    'default of %s on %s in %s', d.defaclrole::regrole,
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else d.defaclobjtype::text end,
    coalesce(d.defaclnamespace::regnamespace::text, 'every schema')
) || pg_temp.grants(d.defaclacl, d.defaclrole)
from pg_default_acl d
where d.defaclrole = 'postgres'::regrole
order by 1;
