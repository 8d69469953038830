import type { KeyText, Row } from '../shared/change.ts'
import type { Identity } from '../server/session/identity.ts'
import type pg from 'pg'
import type { AuditTable } from './tables.ts'

/** What `select` returns to an identity. Null: PostgreSQL refuses it. */
export type Sight = {
  /** Those that it may select. */
  readonly columns: ReadonlySet<string>
  readonly rows: ReadonlyMap<KeyText, Row>
  /** Without the key it cannot be said which rows these are. */
  readonly hasKey: boolean
} | null

/** What each identity sees of each table, at one moment. */
export interface Sights {
  of(identity: number, relation: string): Sight
}

/**
 * Reads all tables as one identity after the other. Beside Rowcast and by other means, so that it can judge it: plain
 * `select`, of the columns that the role may select.
 */
export const seenFunction = `
  create schema rowcast_audit;
  create function rowcast_audit.seen(identities jsonb, relations regclass[]) returns jsonb language plpgsql as $$
  declare
    v_identity jsonb; v_relation regclass; v_columns text; v_names jsonb; v_rows text; v_seen text[]; v_all jsonb := '[]';
  begin
    for v_identity in select i from jsonb_array_elements(identities) as i loop
      perform set_config('role', v_identity->>'role', true),
        set_config('request.jwt.claims', (v_identity->'claims')::text, true);
      v_seen := '{}';
      foreach v_relation in array relations loop
        v_rows := null;
        begin
          select string_agg(format('%I', a.attname), ', ' order by a.attnum), jsonb_object_agg(a.attname, true)
            into v_columns, v_names from pg_attribute as a
           where a.attrelid = v_relation and a.attnum > 0 and not a.attisdropped
             and has_column_privilege(v_relation, a.attnum, 'select');
          if v_columns is not null then
            execute format('select jsonb_build_object(''columns'', $1, ''rows'', coalesce(jsonb_agg(to_jsonb(x) order by x), ''[]''))::text
              from (select %s from %s) as x', v_columns, v_relation) into v_rows using v_names;
          end if;
        -- A policy may be refused what it reads, or come to read what it decides.
        exception when insufficient_privilege or invalid_object_definition then v_rows := null;
        end;
        v_seen := v_seen || v_rows;
      end loop;
      v_all := v_all || jsonb_build_array(to_jsonb(v_seen));
    end loop;
    perform set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
    return v_all;
  end $$;`

/** Asks what everybody sees, and keeps what is equal once. */
export class Observer {
  readonly #identities: string
  readonly #tables: readonly AuditTable[]
  readonly #known = new Map<string, Sight>()

  constructor(identities: readonly Identity[], tables: readonly AuditTable[]) {
    this.#identities = JSON.stringify(identities)
    this.#tables = tables
  }

  /** As the database stands for this connection, its own uncommitted changes included. */
  async observe(client: pg.ClientBase): Promise<Sights> {
    const relations = this.#tables.map(({ relation }) => relation)
    const { rows } = await client.query<{ seen: (string | null)[][] }>(
      'select rowcast_audit.seen($1, $2::text[]::regclass[]) as seen',
      [this.#identities, relations],
    )
    const sights = (rows[0]?.seen ?? []).map((ofTables) => {
      return new Map(
        this.#tables.map((table, i) => [table.relation, this.#parse(table, ofTables[i] ?? null)]),
      )
    })
    return { of: (identity, relation) => sights[identity]?.get(relation) ?? null }
  }

  #parse(table: AuditTable, text: string | null): Sight {
    if (text === null) return null
    const name = table.relation + text
    let sight = this.#known.get(name)
    if (sight === undefined) {
      const { columns, rows } = JSON.parse(text) as { columns: Record<string, true>; rows: Row[] }
      sight = {
        columns: new Set(Object.keys(columns)),
        rows: new Map(rows.map((row, i) => [keyIn(table, row) ?? `without a key: ${i}`, row])),
        hasKey: table.key.every((column) => Object.hasOwn(columns, column)),
      }
      this.#known.set(name, sight)
    }
    return sight
  }
}

function keyIn({ key }: AuditTable, row: Row): KeyText | undefined {
  const values = key.map((column) => row[column])
  return values.includes(undefined) ? undefined : JSON.stringify(values)
}
