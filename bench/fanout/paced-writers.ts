import pg from 'pg'

const connections = 2

/** Writers that insert one row after the other into tables of their own, each in a transaction of its own, at even moments. */
export class PacedWriters implements AsyncDisposable {
  readonly #clients: readonly pg.Client[]

  static async connect(database: string): Promise<PacedWriters> {
    const clients = Array.from({ length: connections }, () => new pg.Client(database))
    await Promise.all(clients.map((client) => client.connect()))
    return new PacedWriters(clients)
  }

  private constructor(clients: readonly pg.Client[]) {
    this.#clients = clients
  }

  /** Makes a table that clients of a role follow, in so many parts (`audience`) if they like. */
  static async createTable(admin: pg.Client, table: string, role: string): Promise<void> {
    await admin.query(`
      create table ${table} (id int generated always as identity primary key, audience int not null, text text not null);
      grant select on ${table} to ${role};
      select event.track('${table}')`)
    await admin.query(procedureSql(table))
  }

  /**
   * Goes on to the next part with each row. Where so many a second are too many, they come as fast as they can.
   *
   * @returns how many
   */
  async write(
    table: string,
    options: { readonly seconds: number; readonly perSecond: number; readonly audiences: number },
  ): Promise<number> {
    const counts = await Promise.all(
      this.#clients.map(async (client, writer) => {
        const { rows } = await client.query<{ commits: number }>(
          `call bench_write_${table}($1, $2, $3, $4, $5, 0)`,
          [writer, connections, options.seconds, options.perSecond / connections, options.audiences],
        )
        return rows[0]?.commits ?? NaN
      }),
    )
    return counts.reduce((a, b) => a + b)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()))
  }
}

function procedureSql(table: string): string {
  return `create procedure bench_write_${table}(
      writer int, writers int, seconds float8, per_second float8, audiences int, inout commits int
    ) language plpgsql as $$
    declare
      v_start timestamptz := clock_timestamp();
      v_passed float8 := 0;
    begin
      while v_passed < seconds loop
        insert into ${table} (audience, text)
          values ((commits * writers + writer) % audiences, 'a message that says about as much as messages do');
        commit;
        commits := commits + 1;
        v_passed := extract(epoch from clock_timestamp() - v_start);
        if commits / per_second - v_passed > 0.0005 then
          perform pg_sleep(commits / per_second - v_passed);
          v_passed := commits / per_second;
        end if;
      end loop;
    end $$`
}
