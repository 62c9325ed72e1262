-- Schema realtime as hosted Supabase has it (supabase/realtime's tenant migrations), and what the embedded Realtime
-- needs besides: a trigger that announces committed messages. Run as superuser after bootstrap.sql, at each start;
-- every statement may run again.

do $$
begin
  if not exists (select from pg_roles where rolname = 'supabase_realtime_admin') then
    create role supabase_realtime_admin nologin noinherit;
  end if;
end $$;

create schema if not exists realtime;
grant usage on schema realtime to anon, authenticated, service_role;
grant usage on schema realtime to postgres with grant option;
grant all on schema realtime to supabase_realtime_admin;

-- Policies on realtime.messages are the project's own migrations, and only a table's owner may write them. Hosted
-- Supabase lets postgres do so through the extension supautils; without it, through this membership.
grant supabase_realtime_admin to postgres;

create table if not exists realtime.messages (
  topic text not null,
  extension text not null,
  payload jsonb,
  event text,
  private boolean default false,
  updated_at timestamp without time zone not null default now(),
  inserted_at timestamp without time zone not null default now(),
  id uuid not null default gen_random_uuid(),
  constraint messages_pkey primary key (id, inserted_at)
) partition by range (inserted_at);
alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
create index if not exists messages_inserted_at_topic_index on realtime.messages (inserted_at desc, topic)
  where extension = 'broadcast' and private is true;
grant select, insert, update on realtime.messages to postgres, anon, authenticated, service_role;
grant delete, truncate, references, trigger on realtime.messages to postgres;

create or replace function realtime.topic() returns text
  language sql stable
  as $$ select nullif(current_setting('realtime.topic', true), '')::text $$;
alter function realtime.topic() owner to supabase_realtime_admin;

-- Not security definer, and every failure is but a warning: a caller who may not insert into realtime.messages loses
-- the message without an error. That is how the hosted function behaves, so nothing here may be kinder.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
  returns void
  language plpgsql
  as $$
declare
  message_id constant uuid := gen_random_uuid();
begin
  begin
    perform set_config('realtime.topic', send.topic, true);
    insert into realtime.messages (id, payload, event, topic, private, extension)
      values (
        message_id,
        case when send.payload ? 'id' then send.payload
             else jsonb_set(send.payload, '{id}', to_jsonb(message_id)) end,
        send.event, send.topic, send.private, 'broadcast'
      );
  exception when others then
    raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
  end;
end
$$;
alter function realtime.send(jsonb, text, text, boolean) owner to supabase_realtime_admin;

create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW'
)
  returns void
  language plpgsql
  as $$
begin
  if level = 'STATEMENT' then
    raise exception 'function can only be triggered for each row, not for each statement';
  end if;
  if (operation in ('INSERT', 'UPDATE', 'DELETE')) is not true then
    raise exception 'Unexpected operation type: %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object('old_record', old, 'record', new, 'operation', operation,
                       'table', table_name, 'schema', table_schema),
    event_name, topic_name
  );
exception when others then
  raise exception 'Failed to process the row: %', sqlerrm;
end
$$;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text)
  owner to supabase_realtime_admin;

-- The server's own things are in a schema of their own, as the hosted server's are: no API role has usage on it.
create schema if not exists _realtime;
revoke all on schema _realtime from public;

-- Partitions from two days ago (a session may live in any time zone, and inserted_at has none) to p_days_ahead days
-- from now; those that ended more than p_keep_days ago are dropped with their messages.
create or replace function _realtime.maintain_messages(p_days_ahead int default 7, p_keep_days int default 3)
  returns void
  language plpgsql
  set search_path = ''
  set lock_timeout = '5s'
  as $$
declare
  today constant date := (now() at time zone 'utc')::date;
  day date;
  name text;
begin
  -- Two servers at once would race for the same names.
  perform pg_advisory_xact_lock(hashtext('_realtime.maintain_messages'));
  for offset_days in -2 .. p_days_ahead loop
    day := today + offset_days;
    name := 'messages_' || to_char(day, 'YYYY_MM_DD');
    if to_regclass('realtime.' || name) is null then
      execute format('create table realtime.%I partition of realtime.messages for values from (%L) to (%L)',
                     name, day, day + 1);
      execute format('alter table realtime.%I owner to supabase_realtime_admin', name);
    end if;
  end loop;
  for name in
    select c.relname
      from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'realtime.messages'::regclass
       and c.relname ~ '^messages_\d{4}_\d{2}_\d{2}$'
       and to_date(substr(c.relname, 10), 'YYYY_MM_DD') < today - greatest(p_keep_days, 2)
  loop
    execute format('drop table realtime.%I', name);
  end loop;
end
$$;
revoke execute on function _realtime.maintain_messages(int, int) from public;

-- NOTIFY is delivered at commit, in the order of the commits, and not at all after a rollback: just what a broadcast
-- from the database has to do. Its payload must stay below 8000 bytes, so a large message is announced by its key.
create or replace function _realtime.announce_message() returns trigger
  language plpgsql
  set search_path = ''
  as $$
declare
  announcement text := jsonb_build_object(
    'id', new.id, 'topic', new.topic, 'event', new.event, 'private', new.private, 'payload', new.payload
  )::text;
begin
  if octet_length(announcement) >= 7900 then
    announcement := jsonb_build_object('id', new.id, 'inserted_at', new.inserted_at)::text;
  end if;
  perform pg_notify('realtime_messages', announcement);
  return null;
end
$$;

create or replace trigger announce_message
  after insert on realtime.messages
  for each row
  when (new.extension = 'broadcast' and new.event is not null and new.payload is not null and new.private is not null)
  execute function _realtime.announce_message();

select _realtime.maintain_messages();
