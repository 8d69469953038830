import pg from 'pg'

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
   * @returns how many rows were committed, and how long that took
   */
  async write(
    writers: number,
    insert: string,
    seconds: number,
  ): Promise<{ readonly commits: number; readonly ms: number }> {
    const clients = this.#clients.slice(0, writers)
    await clients[0]?.query(procedureSql(insert))
    const startedAt = performance.now()
    const counts = await Promise.all(
      clients.map(async (client) => {
        const { rows } = await client.query<{ commits: number }>('call bench_write($1, 0)', [seconds])
        return rows[0]?.commits ?? NaN
      }),
    )
    return { commits: counts.reduce((a, b) => a + b, 0), ms: performance.now() - startedAt }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()))
  }
}

function procedureSql(insert: string): string {
  return `create or replace procedure bench_write(seconds float8, inout commits int) language plpgsql as $$
    declare
      v_until timestamptz := clock_timestamp() + make_interval(secs => seconds);
    begin
      while clock_timestamp() < v_until loop
        ${insert};
        commit;
        commits := commits + 1;
      end loop;
    end $$`
}
