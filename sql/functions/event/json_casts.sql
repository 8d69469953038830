-- The casts that a scalar value needs before PostgreSQL's own JSON functions write it as Rowcast does; null if none.
-- JavaScript's number holds neither every bigint nor every numeric; an OID is a number to us and text to PostgreSQL;
-- the text of reg* depends on the reader's search_path, that of money on lc_monetary; a type of an extension may
-- have a cast to json, which is the extension's idea of it and not its exact value; XML's output drops its declaration.
create or replace function event.json_casts(type oid) returns text[]
language sql stable
return (
  select case
    when t.oid in ('int8'::regtype, 'numeric'::regtype, 'xml'::regtype) then '{text}'::text[]
    when t.oid = 'money'::regtype then '{numeric,text}'
    when t.oid = 'oid'::regtype then '{int8}'
    when t.typcategory = 'N' and t.typname like 'reg%' and t.oid < 16384 then '{oid,int8}'
    when t.typtype = 'b' and t.oid >= 16384 and event.element_type(t.oid) is null then '{text}'
  end
  from pg_type as t
  where t.oid = event.base_type(json_casts.type)
);

revoke execute on function event.json_casts(oid) from public;
