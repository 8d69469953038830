import pg from 'pg'

const numericTypes: ReadonlySet<number> = new Set([
  pg.types.builtins.INT2,
  pg.types.builtins.INT4,
  pg.types.builtins.INT8,
  pg.types.builtins.FLOAT4,
  pg.types.builtins.FLOAT8,
  pg.types.builtins.NUMERIC,
  pg.types.builtins.OID,
])

/**
 * Runs statements as psql does and gives the lines that psql would print, without blanks at their ends. psql itself
 * may be missing where the tests run. Knows variables (`:'name'`), `\gset`, tables and notifications.
 */
export class PsqlSession {
  readonly #client: pg.Client
  readonly #variables = new Map<string, string>()
  #notifications: string[] = []

  constructor(client: pg.Client) {
    this.#client = client
    client.on('notification', ({ channel, payload, processId }) =>
      this.#notifications.push(
        `Asynchronous notification "${channel}" with payload "${payload}" received from server process with PID ${processId}.`,
      ),
    )
  }

  async run(statement: string): Promise<string[]> {
    const [, sql = '', gset] = /^(.*?)(\\gset)?$/s.exec(statement) ?? []
    const result = await this.#client.query<(string | null)[]>({
      text: sql.replace(/:'(\w+)'/g, (_, name: string) => pg.escapeLiteral(this.#variable(name))),
      rowMode: 'array',
      types: { getTypeParser: () => String },
    })
    await this.#client.query('select') // what has been notified has arrived before the answer
    const printed = gset ? this.#set(result) : print(result)
    const notified = this.#notifications
    this.#notifications = []
    return [...printed, ...notified]
  }

  #variable(name: string): string {
    const value = this.#variables.get(name)
    if (value === undefined) throw new Error(`no variable ${name}`)
    return value
  }

  #set({ fields, rows }: pg.QueryArrayResult<(string | null)[]>): string[] {
    const [row] = rows
    if (!row || rows.length > 1) throw new Error(`\\gset takes one row, and there are ${rows.length}`)
    fields.forEach(({ name }, i) => this.#variables.set(name, row[i] ?? ''))
    return []
  }
}

function print({ command, rowCount, fields, rows }: pg.QueryArrayResult<(string | null)[]>): string[] {
  if (command === 'INSERT') return [`INSERT 0 ${rowCount}`]
  if (command === 'UPDATE' || command === 'DELETE') return [`${command} ${rowCount}`]
  if (command !== 'SELECT') return [command === 'CREATE' ? 'CREATE TABLE' : command]

  const widths = fields.map(({ name }, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: string[]) => ` ${cells.join(' | ')}`.trimEnd()
  return [
    line(fields.map(({ name }, i) => centred(name, widths[i] ?? 0))),
    widths.map((width) => '-'.repeat(width + 2)).join('+'),
    ...rows.map((row) =>
      line(
        row.map((cell, i) => {
          const isNumber = numericTypes.has(fields[i]?.dataTypeID ?? 0)
          return isNumber ? (cell ?? '').padStart(widths[i] ?? 0) : (cell ?? '').padEnd(widths[i] ?? 0)
        }),
      ),
    ),
    `(${rows.length} row${rows.length === 1 ? '' : 's'})`,
    '',
  ]
}

function centred(text: string, width: number): string {
  return (' '.repeat(Math.floor((width - text.length) / 2)) + text).padEnd(width)
}
