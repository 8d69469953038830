import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { encodingSettings } from '../test/change-log.ts'

let database: TestDatabase
let writer: pg.Client
let reader: pg.Client
/** The types that this server has, out of those below. */
let columns: { name: string; type: string; sql: fc.Arbitrary<string> }[]

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const quoted = (arbitrary: fc.Arbitrary<unknown>) => arbitrary.map((value) => literal(String(value)))
const oneOf = (...texts: string[]) => quoted(fc.constantFrom(...texts))
const text = fc
  .oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', ' ', 'null', '"\\', '\t\r\n\b\f\u0001\u007f\u2028', '𝄞'),
  )
  .map((text) => text.replaceAll('\0', '').replace(/\p{Surrogate}/gu, ''))
const bigint = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0n),
)
const unsigned = fc.nat({ max: 0x7fffffff })
const double = fc
  .oneof(fc.double(), fc.constantFrom(0, -0, 1e21, 1e-7, 5e-324))
  .map((n) => (Object.is(n, -0) ? '-0' : String(n)))
const decimal = fc.oneof(
  fc.tuple(bigint, fc.integer({ min: 0, max: 30 })).map(([n, scale]) => `${n}.${'0'.repeat(scale)}`),
  fc.tuple(fc.bigInt(), fc.integer({ min: -40, max: 40 })).map(([n, exponent]) => `${n}e${exponent}`),
  fc.constantFrom('NaN', 'Infinity', '-Infinity', '0.000', '1.0'),
)
const microseconds = fc.bigInt(-(10n ** 17n), 10n ** 17n)
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((a) => Buffer.from(a).toString('hex'))
const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 })
const point = fc.tuple(finite, finite).map(([x, y]) => `(${x},${y})`)
const ip = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat({ max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
  fc.tuple(fc.ipV6(), fc.nat({ max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
)
const range = (type: string, subtype: string, bound: fc.Arbitrary<string>) => {
  const typed = fc.option(bound, { nil: 'null' }).map((bound) => `(${bound})::${subtype}`)
  return fc
    .tuple(typed, typed, fc.constantFrom('[]', '[)', '(]', '()'))
    .map(([a, b, bounds]) => `${type}(least(${a}, ${b}), greatest(${a}, ${b}), '${bounds}')`)
}
const multirange = (type: string, of: fc.Arbitrary<string>) =>
  fc.array(of, { maxLength: 3 }).map((ranges) => `${type}(${ranges.join(', ')})`)

const date = fc.oneof(
  fc.integer({ min: -2_400_000, max: 5_000_000 }).map((days) => `(date '2000-01-01' + ${days})`),
  oneOf('infinity', '-infinity', '4713-01-01 BC', '0044-03-15 BC', '2024-02-29').map((d) => `${d}::date`),
)
const timestamp = fc.oneof(
  microseconds.map((n) => `(timestamp '2000-01-01' + interval '1 microsecond' * ${n})`),
  oneOf('infinity', '-infinity', '2024-03-31 02:30:00.000001', '0044-03-15 12:00 BC').map(
    (t) => `${t}::timestamp`,
  ),
)
const timestamptz = fc.oneof(
  timestamp.map((t) => `(${t} at time zone 'Asia/Kathmandu')`),
  oneOf('1883-11-18 12:03:58+00', '2024-10-27 02:30:00.999999+02').map((t) => `${t}::timestamptz`),
)
const time = fc
  .bigInt(0n, 86_400_000_000n - 1n)
  .map((n) => `(time '00:00' + interval '1 microsecond' * ${n})`)
const interval = fc
  .tuple(fc.integer(), fc.integer(), microseconds)
  .map(
    ([months, days, n]) =>
      `(interval '${months % 1e6} mon ${days % 1e6} day' + interval '1 microsecond' * ${n})`,
  )
const int4range = range('int4range', 'int4', fc.integer({ min: -1000, max: 1000 }).map(String))
const int8range = range('int8range', 'int8', fc.bigInt(-(2n ** 60n), 2n ** 60n).map(String))
const numrange = range(
  'numrange',
  'numeric',
  decimal.filter((d) => d !== 'NaN').map((d) => `'${d}'::numeric`),
)
const tsrange = range('tsrange', 'timestamp', timestamp)
const tstzrange = range('tstzrange', 'timestamptz', timestamptz)
const daterange = range('daterange', 'date', date)
const json = fc.json().map((json) => (json === 'null' ? '0' : json.replaceAll('\\u0000', '')))

/** SQL for random values of every type that PostgreSQL has, but those in `notStored`. */
const builtIn: Record<string, fc.Arbitrary<string>> = {
  bool: fc.boolean().map(String),
  int2: fc.integer({ min: -32768, max: 32767 }).map(String),
  int4: fc.integer().map(String),
  int8: quoted(bigint),
  numeric: quoted(decimal),
  money: quoted(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((cents) => cents)).map(
    (c) => `(${c}::numeric / 100)`,
  ),
  float4: quoted(fc.oneof(fc.float(), fc.constantFrom('-0', 'NaN', 'Infinity'))),
  float8: quoted(double),
  oid: unsigned.map((n) => `${n * 2}`),
  xid: quoted(unsigned),
  cid: quoted(unsigned),
  xid8: quoted(bigint.map((n) => (n < 0n ? -n - 1n : n))),
  tid: quoted(fc.tuple(unsigned, fc.nat({ max: 60000 })).map(([a, b]) => `(${a},${b})`)),
  oidvector: quoted(fc.array(unsigned, { maxLength: 4 }).map((a) => a.join(' '))),
  int2vector: quoted(fc.array(fc.nat({ max: 9 }), { maxLength: 4 }).map((a) => a.join(' '))),
  regclass: oneOf('pg_class', '0', '123456', 'pg_catalog.pg_type', 'public."Some Table"'),
  regtype: oneOf('integer', 'text[]', '0', 'public.mood'),
  regproc: oneOf('now', '0'),
  regprocedure: oneOf('abs(integer)', '0'),
  regoper: oneOf('0', '||/'),
  regoperator: oneOf('+(integer,integer)', '0'),
  regrole: oneOf('pg_monitor', '0'),
  regnamespace: oneOf('pg_catalog', 'event'),
  regconfig: oneOf('english', 'simple'),
  regdictionary: oneOf('simple'),
  regcollation: oneOf('"C"', '"POSIX"'),
  text: quoted(text),
  varchar: quoted(text),
  bpchar: quoted(text.map((text) => `${text}  `)),
  name: quoted(text),
  char: quoted(fc.constantFrom('a', '"', '\\', '', '\\351')).map((c) => `${c}::text`),
  uuid: quoted(fc.uuid()),
  bytea: hex(3).chain((a) => fc.constantFrom(`'\\x${a}'`, `'\\x'`, `'\\x${a}00ff5c'`)),
  bit: fc.constantFrom(`B'0'`, `B'1'`),
  varbit: fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 20 }).map((bits) => `B'${bits}'`),
  date,
  time,
  timetz: fc
    .tuple(time, fc.constantFrom('+05:30', '-11', '+00'))
    .map(([t, zone]) => `(${t}::text || '${zone}')`),
  timestamp,
  timestamptz,
  interval,
  inet: quoted(ip),
  cidr: quoted(ip).map((ip) => `network(${ip}::inet)`),
  macaddr: quoted(hex(6)),
  macaddr8: quoted(hex(8)),
  json: quoted(json),
  jsonb: quoted(json),
  jsonpath: oneOf('$.a[*] ? (@ > 1)', 'strict $."x y"'),
  xml: oneOf('<a b="1">é &amp; "x"</a>', 'text', '<?xml version="1.0"?><a/>'),
  point: quoted(point),
  line: quoted(fc.tuple(fc.integer({ min: 1 }), finite, finite).map(([a, b, c]) => `{${a},${b},${c}}`)),
  lseg: quoted(fc.tuple(point, point)),
  box: quoted(fc.tuple(point, point)),
  path: quoted(
    fc.array(point, { minLength: 1, maxLength: 4 }).chain((p) => fc.constantFrom(`[${p}]`, `(${p})`)),
  ),
  polygon: quoted(fc.array(point, { minLength: 1, maxLength: 4 }).map((p) => `(${p})`)),
  circle: quoted(fc.tuple(point, fc.nat()).map(([p, r]) => `<${p},${r}>`)),
  tsvector: oneOf(`a:1A fat:2B,4C 'it''s "q"'`, ''),
  tsquery: oneOf(`fat & (rat | 'c''t') & !cat`, 'a <-> b:*A'),
  pg_lsn: quoted(fc.tuple(unsigned, unsigned).map(([a, b]) => `${a.toString(16)}/${b.toString(16)}`)),
  pg_snapshot: oneOf('10:20:10,14,15', '5:5:'),
  txid_snapshot: oneOf('10:20:10,14,15', '5:5:'),
  refcursor: quoted(text),
  aclitem: oneOf('=r/pg_monitor', 'pg_monitor=arwd/pg_monitor'),
  int4range,
  int8range,
  numrange,
  tsrange,
  tstzrange,
  daterange,
  int4multirange: multirange('int4multirange', int4range),
  int8multirange: multirange('int8multirange', int8range),
  nummultirange: multirange('nummultirange', numrange),
  tsmultirange: multirange('tsmultirange', tsrange),
  tstzmultirange: multirange('tstzmultirange', tstzrange),
  datemultirange: multirange('datemultirange', daterange),
}

/** Types of PostgreSQL's own catalogues, without an input of theirs; of them no table of an application has a column. */
const notStored = [
  'pg_node_tree',
  'pg_ndistinct',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'gtsvector',
]

const pair = fc.oneof(
  fc
    .tuple(quoted(bigint), quoted(text), timestamptz)
    .map(([a, b, c]) => `row(${a}, ${b}, array[null, 1.50], 'Sad face', ${c})::pair`),
  fc.constantFrom('null::pair', 'row(null, null, null, null, null)::pair'),
)
const nested = fc
  .tuple(pair, pair, interval)
  .map(([a, b, c]) => `row(${a}, array[${b}, null, ${a}], ${c})::nested`)
const ofOwn: Record<string, fc.Arbitrary<string>> = {
  mood: oneOf('happy', 'Sad face', `it's "quoted"`),
  big: quoted(bigint),
  bigger: quoted(bigint),
  note: quoted(text),
  bigs: fc.array(quoted(bigint)).map((a) => `array[${a}]::int8[]`),
  pair,
  nested,
  pair_domain: pair,
  plain_pair: fc.tuple(fc.integer(), quoted(text)).map(([a, b]) => `row(${a}, ${b})::plain_pair`),
  moneyrange: range(
    'moneyrange',
    'money',
    fc.integer().map((n) => `(${n})::numeric::money`),
  ),
  ci: quoted(text),
}

beforeAll(async () => {
  database = await createTestDatabase()
  writer = await database.connect()
  reader = await database.connect()
  await writer.query(`
    create table "Some Table" ();
    create type mood as enum ('happy', 'Sad face', 'it''s "quoted"');
    create domain big as bigint;
    create domain bigger as big check (value is not null or true);
    create domain note as text;
    create domain bigs as bigint[];
    create type pair as ("A" bigint, "b c" text, "constructor" numeric[], mood mood, at timestamptz);
    create type nested as (pair pair, pairs pair[], took interval);
    create domain pair_domain as pair;
    create type plain_pair as (a int, b text);
    create type moneyrange as range (subtype = money);
    create collation ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create domain ci as text collate ignore_case`)

  const { rows: types } = await reader.query<{ name: string }>(
    `select typname as name from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm')
       and not (typelem <> 0 and typsubscript = 'array_subscript_handler'::regproc and typname like '\\_%')
       and typname <> all ($1) order by 1`,
    [notStored],
  )
  expect(types.map(({ name }) => name).sort()).toEqual(Object.keys(builtIn).sort())
  columns = [...Object.entries(builtIn), ...Object.entries(ofOwn)].flatMap(([name, sql]) => {
    const type = name in builtIn ? `pg_catalog."${name}"` : name
    const cast = sql.map((sql) => `(${sql})::${type}`)
    // Array elements, one by one and in two dimensions.
    const some = fc.array(fc.option(cast, { nil: 'null' }), { maxLength: 3 })
    const array = fc.oneof(
      some.map((elements) => `array[${elements}]::${type}[]`),
      fc.tuple(cast, cast).map(([a, b]) => `array[[${a}, null], [null, ${b}], [${b}, ${a}]]::${type}[]`),
    )
    return [
      { name: `the ${name}`, type, sql: cast },
      { name: `some ${name}`, type: `${type}[]`, sql: array },
    ]
  })
  const definition = columns.map(({ name, type }) => `"${name}" ${type}`).join(', ')
  await writer.query(`create table fresh (id int primary key, ${definition}); select event.track('fresh')`)
  // Its capture functions were made for another shape.
  await writer.query(`create table stale (id int primary key); select event.track('stale')`)
  await writer.query(
    `alter table stale ${columns.map(({ name, type }) => `add column "${name}" ${type}`).join(', ')}`,
  )
}, 60_000)
afterAll(() => database[Symbol.asyncDispose]())

const hostile = fc.record({
  timezone: fc.constantFrom('America/St_Johns', 'Asia/Kathmandu', '-11', 'UTC'),
  datestyle: fc.constantFrom('SQL, DMY', 'German', 'Postgres, MDY', 'ISO, YMD'),
  intervalstyle: fc.constantFrom('postgres', 'sql_standard', 'postgres_verbose', 'iso_8601'),
  extra_float_digits: fc.integer({ min: -15, max: 3 }),
  bytea_output: fc.constantFrom('escape', 'hex'),
  search_path: fc.constantFrom('pg_temp, public', 'public', 'public, pg_catalog'),
  default_transaction_isolation: fc.constantFrom('read committed', 'repeatable read'),
})

/** A row as the reader sees it: its fields' JSON texts, and which of them are lost on the way there and back. */
interface Seen {
  readonly fields: Record<string, string>
  readonly lost: readonly string[]
}

/** JSON says it all, but json_populate_record takes the inner arrays of an array for dimensions, and makes no vectors. */
const notPopulated = [
  'the int2vector',
  'some int2vector',
  'the oidvector',
  'some oidvector',
  'some bigs',
  'some json',
  'some jsonb',
]

async function see(table: string, id: number): Promise<Seen> {
  const [expression] = await asReader<{ sql: string }>(`select event.row_expression('${table}', 't') as sql`)
  const [seen] = await asReader<Seen>(`
    select (select json_object_agg(e.key, e.value::text) from json_each(r.json) as e) as fields,
           array_remove(array[${columns
             .filter(({ name }) => !notPopulated.includes(name))
             .map(
               ({ name }) =>
                 `case when t."${name}"::text is distinct from b."${name}"::text then '${name}' end`,
             )
             .join(', ')}], null) as lost
      from ${table} as t cross join lateral (select ${expression?.sql}) as r (json)
      cross join lateral json_populate_record(null::${table}, (
        select json_object_agg(e.key, e.value) from json_each(r.json) as e where e.key <> all (array[${notPopulated.map(literal)}]))) as b
     where t.id = ${id}`)
  if (!seen) throw new Error(`no row ${id}`)
  return seen
}

async function lastChange(table: string, id: number) {
  const [change] = await asReader<{ op: string; new: Seen['fields'] | null; old: Seen['fields'] | null }>(`
    select op, (select json_object_agg(e.key, e.value::text) from json_each(c.new) as e) as new,
           (select json_object_agg(e.key, e.value::text) from json_each(c.old) as e) as old
      from event.change as c
     where c.relation_id = (select r.id from event.tracked_relation as r where r.oid = '${table}'::regclass) and c.key = '[${id}]'
     order by c.seq desc limit 1`)
  return change
}

async function asReader<T extends pg.QueryResultRow>(sql: string): Promise<T[]> {
  await reader.query('begin')
  try {
    await reader.query(`${encodingSettings}; set local lc_monetary = 'C'`)
    return (await reader.query<T>(sql)).rows
  } finally {
    await reader.query('rollback')
  }
}

test('every value of every type is logged exactly, as the row expression gives it, whatever the writer has set', async () => {
  let id = 0
  const row = fc.tuple(...columns.map(({ sql }) => fc.option(sql, { nil: 'null', freq: 8 })))
  const property = fc.asyncProperty(
    fc.constantFrom('fresh', 'stale'),
    hostile,
    row,
    row,
    async (table, settings, before, after) => {
      id++
      for (const [name, value] of Object.entries(settings))
        await writer.query(`set ${name} = ${name === 'search_path' ? value : literal(String(value))}`)
      await writer.query(`insert into public.${table} values (${[id, ...before].join(', ')})`)
      const inserted = await see(table, id)
      expect(inserted.lost).toEqual([])
      expect(await lastChange(table, id)).toEqual({ op: 'row_insert', new: inserted.fields, old: null })

      const names = columns.map(({ name }) => `"${name}"`).join(', ')
      await writer.query(`update public.${table} set (${names}) = row(${after.join(', ')}) where id = ${id}`)
      const updated = await see(table, id)
      const changed = Object.keys(updated.fields).filter(
        (name) => updated.fields[name] !== inserted.fields[name],
      )
      const pick = (fields: Seen['fields']) => Object.fromEntries(changed.map((name) => [name, fields[name]]))
      expect(updated.lost).toEqual([])
      expect(await lastChange(table, id)).toEqual({
        op: 'field_update',
        new: pick(updated.fields),
        old: pick(inserted.fields),
      })

      await writer.query(
        `update public.${table} set (${names}) = (select ${names} from public.${table} where id = ${id}) where id = ${id}`,
      )
      expect(await lastChange(table, id)).toMatchObject({ op: 'field_update' })
      await writer.query(`delete from public.${table} where id = ${id}`)
      expect(await lastChange(table, id)).toEqual({ op: 'row_delete', new: null, old: updated.fields })
    },
  )
  await fc.assert(property, { numRuns: 30, endOnFailure: true })
}, 60_000)
