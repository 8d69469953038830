import pg from 'pg'

export interface Written {
  readonly commits: number
  readonly ms: number
}

/**
 * Writers that commit one row after the other as fast as they can. They are loops inside PostgreSQL, one for each
 * connection: clients that send each statement would take most of the machine for themselves, and what capture costs
 * would hardly be seen beside them.
 */
export class Writers implements AsyncDisposable {
  readonly #clients: readonly pg.Client[]

  static async connect(database: string, most: number): Promise<Writers> {
    const clients = Array.from({ length: most }, () => new pg.Client(database))
    await Promise.all(clients.map((client) => client.connect()))
    return new Writers(clients)
  }

  private constructor(clients: readonly pg.Client[]) {
    this.#clients = clients
  }

  /**
   * @param insert a statement that inserts a row
   * @param perSecond of all together; default: as fast as they can
   * @returns how many rows were committed, and how long that took
   */
  async write(
    writers: number,
    insert: string,
    seconds: number,
    perSecond: number | null = null,
  ): Promise<Written> {
    const clients = this.#clients.slice(0, writers)
    const pauseS = perSecond === null ? null : writers / perSecond
    await clients[0]?.query(procedureSql(insert))
    const startedAt = performance.now()
    const counts = await Promise.all(
      clients.map(async (client) => {
        const values = [seconds, pauseS]
        const { rows } = await client.query<{ commits: number }>('call bench_write($1, $2, 0)', values)
        return rows[0]?.commits ?? NaN
      }),
    )
    return { commits: counts.reduce((a, b) => a + b, 0), ms: performance.now() - startedAt }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()))
  }
}

/** Each is due at an even moment; who is late does not rest. */
function procedureSql(insert: string): string {
  return `create or replace procedure bench_write(seconds float8, pause float8, inout commits int) language plpgsql as $$
    declare
      v_start timestamptz := clock_timestamp();
      v_until timestamptz := v_start + make_interval(secs => seconds);
      v_early float8;
    begin
      while clock_timestamp() < v_until loop
        ${insert};
        commit;
        commits := commits + 1;
        if pause is not null then
          v_early := commits * pause - extract(epoch from clock_timestamp() - v_start);
          if v_early > 0 then perform pg_sleep(v_early); end if;
        end if;
      end loop;
    end $$`
}
