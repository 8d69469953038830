import fc from 'fast-check'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultPath, protocolVersion } from '../../shared/protocol.ts'
import { operators } from '../../shared/subscription.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { RawWebSocket } from '../../test/raw-websocket.ts'
import { startRowcast, type RowcastProcess } from '../../test/rowcast-process.ts'
import { TestSocket } from '../../test/socket.ts'
import { temporaryFolder, type TemporaryFolder } from '../../test/temporary-folder.ts'

/** Of each test. For longer: `ROWCAST_FUZZ_SECONDS=600 npx vitest run --project pg fuzz`. */
const fuzzMs = Number(process.env['ROWCAST_FUZZ_SECONDS'] ?? 10) * 1000

/** Bounds that only a server that hangs or leaks misses, however busy the machine is. */
const longestDelayMs = 10_000
const mostMemoryMb = 600

/** Stands in the name of everything that clients may not know of. */
const hidden = 'hushhush'

let database: TestDatabase
let project: TemporaryFolder
let server: RowcastProcess
let admin: pg.Client
let port: number
let url: string
let metricsUrl: string
let witness: Witness

beforeAll(async () => {
  database = await createTestDatabase()
  admin = await database.connect()
  const role = await database.createRole('nologin')
  await admin.query(`
    create table numbered (n int primary key);
    create table a (id int primary key, x int, big bigint, num numeric(10, 2), name text, at timestamptz, tags text[],
      doc jsonb, ${hidden}_column text default '${hidden} value');
    create table pair (l int, r text, x int, primary key (l, r));
    create table ${hidden}_table (id int primary key, x int);
    create function ${hidden}_sees(id int) returns boolean stable language sql security definer
      as $$ select id not in (select t.id from ${hidden}_table as t) $$;
    create table secured (id int primary key, team int, x int);
    alter table secured enable row level security;
    create policy ${hidden}_members on secured using (team % 2 = 0);
    create policy ${hidden}_opaque on secured as restrictive using (${hidden}_sees(id));
    insert into a select n, n, n, n, 'row ' || n, now(), '{x,y}', '{"n": [1]}' from generate_series(1, 50) as n;
    insert into ${hidden}_table values (4);
    insert into secured select n, n, n from generate_series(1, 50) as n;
    insert into pair select n, 'r' || n, n from generate_series(1, 50) as n;
    select event.track('numbered'), event.track('a'), event.track('pair'), event.track('secured'), event.track('${hidden}_table');
    grant select on numbered, pair, secured to ${role}; grant select (id, x, big, num, name, at, tags, doc) on a to ${role}`)
  project = await temporaryFolder({
    'rowcast.config.mjs': `export default {
      authenticate: ({ auth }) => ({ role: '${role}', claims: typeof auth.sub === 'string' ? { sub: auth.sub } : {} }),
      limits: { messagesPerSecond: 200, messagesAtOnce: 600, attachWithinMs: 3000 },
    }`,
  })
  server = startRowcast(
    ['serve', '--port', '0', '--host', '127.0.0.1', '--metrics-port', '0', '--database', database.url],
    { cwd: project.path },
  )
  metricsUrl = (await server.until(/metrics on (\S+)/))[1] ?? ''
  url = (await server.until(/listening on (\S+)/))[1] ?? ''
  port = Number(new URL(url).port)
  witness = await Witness.begin(url, admin)
})

afterAll(async () => {
  await witness[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await project[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

/** Somebody else: is told of every row of a table that is written all the while, each once, in order, before long. */
class Witness implements AsyncDisposable {
  readonly #socket: TestSocket
  readonly #admin: pg.Client
  readonly #writtenAt: number[] = []
  #longestMs = 0
  #isOver = false
  #writing: Promise<void> = Promise.resolve()

  private constructor(url: string, admin: pg.Client) {
    this.#socket = new TestSocket(url, { sub: 'witness' })
    this.#admin = admin
  }

  static async begin(url: string, admin: pg.Client): Promise<Witness> {
    const witness = new Witness(url, admin)
    await witness.#socket.attach({
      subscriptions: [{ subscription: { kind: 'table', relation: 'numbered' } }],
    })
    await witness.#socket.next('progress')
    witness.#socket.socket.on('batch', () => witness.#look())
    witness.#writing = witness.#write()
    return witness
  }

  async #write(): Promise<void> {
    while (!this.#isOver) {
      await this.#admin.query('insert into numbered values ($1)', [this.#writtenAt.length])
      this.#writtenAt.push(performance.now())
      await sleep(20)
    }
  }

  #look(): void {
    const written = this.#writtenAt[this.#socket.changes.length - 1]
    if (written !== undefined) this.#longestMs = Math.max(this.#longestMs, performance.now() - written)
  }

  /** Has been told of everything up to now, and nothing else. */
  async check(): Promise<void> {
    const count = this.#writtenAt.length
    await this.#socket.until((changes) => changes.length >= count)
    const keys = this.#socket.changes.map(({ op, key }) => `${op} ${key}`)
    expect(keys).toEqual(keys.map((_, n) => `row_insert [${n}]`))
    expect(this.#longestMs).toBeLessThan(longestDelayMs)
    expect(this.#socket.socket.connected).toBe(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#writing
    await this.#socket[Symbol.asyncDispose]()
  }
}

/** The server runs, answers soon, serves the others, has kept what is hidden and finds no fault with itself. */
async function checkServer(): Promise<void> {
  const askedAt = performance.now()
  const health = (await fetch(`${url}healthz`).then((answer) => answer.json())) as { status: string }
  expect(performance.now() - askedAt).toBeLessThan(longestDelayMs)
  expect(health.status).toBe('ok')
  expect(server.child.exitCode).toBeNull()
  // From level `error` up: whatever a client sends is no failure of the server's.
  expect(server.output.match(/^.*"level":[56]0.*$/m)?.[0]).toBeUndefined()
  await witness.check()
}

/** And has not kept what it was sent. */
async function checkAfterwards(): Promise<void> {
  await checkServer()
  const text = await fetch(metricsUrl).then((answer) => answer.text())
  const figure = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
  expect(figure('process_resident_memory_bytes') / 1e6).toBeLessThan(mostMemoryMb)
  expect(figure('nodejs_eventloop_lag_max_seconds') * 1000).toBeLessThan(longestDelayMs)
  await expect
    .poll(async () => {
      const { connections } = (await fetch(`${url}healthz`).then((answer) => answer.json())) as {
        connections: number
      }
      return connections
    })
    .toBe(1)
  await using another = new TestSocket(url)
  expect(await another.attach()).toMatchObject({ ok: true })
  const { id } = await another.subscribe({ kind: 'row', relation: 'a', key: [1] })
  expect((await another.next('snapshot', (m) => m.subscription === id)).rows).toHaveLength(1)
}

async function fuzz<T>(
  inputs: fc.Arbitrary<T>,
  run: (input: T) => Promise<void>,
  examples: readonly T[] = [],
): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, run), {
    numRuns: 1_000_000,
    interruptAfterTimeLimit: fuzzMs,
    examples: examples.map((example) => [example]),
  })
  await checkAfterwards()
}

// ---- what is sent ----

const relation = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'public.a', 'pair', 'secured', 'numbered', '"a"') },
  fc.constantFrom(
    'event.change',
    'pg_catalog.pg_authid',
    'information_schema.tables',
    '1259',
    'a; drop table a',
    '',
  ),
  fc.constantFrom(
    'a\0',
    '\ud800',
    'a"',
    '"a',
    '..',
    'a.a.a.a',
    '__proto__',
    'x'.repeat(200),
    'x'.repeat(201),
  ),
  fc.string({ unit: 'binary' }),
)
const column = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('id', 'x', 'big', 'num', 'name', 'at', 'tags', 'doc', 'l', 'r') },
  fc.constantFrom(
    'ctid',
    'tableoid',
    '__proto__',
    'constructor',
    '"',
    "'; --",
    'x\0',
    '\udfff',
    'é'.repeat(100),
  ),
  fc.string({ unit: 'binary' }),
)
const value = fc.oneof(
  { weight: 8, arbitrary: fc.oneof(fc.integer(), fc.string(), fc.boolean()) },
  fc.constantFrom(1, 2, 0, -0, 2 ** 31, 2 ** 53, 1e308, 5e-324, '1', '1e400', 'NaN', 'Infinity', null, true),
  fc.constantFrom(
    '',
    '\\',
    'a\\',
    '%',
    "'",
    '"',
    '{',
    '{}',
    '{1,2}',
    '\0',
    '\ud83d',
    '2020-01-01',
    '294277-01-01',
    '-infinity',
  ),
  fc.array(fc.oneof(fc.integer(), fc.string(), fc.array(fc.string(), { maxLength: 3 })), { maxLength: 5 }),
  fc.string({ unit: 'binary' }),
  fc.jsonValue(),
)
const { predicate } = fc.letrec((tie) => ({
  predicate: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ column, op: fc.constantFrom(...operators, 'near'), value }),
    fc.record({ and: fc.array(tie('predicate'), { maxLength: 4 }) }),
    fc.record({ or: fc.array(tie('predicate'), { maxLength: 4 }) }),
    fc.record({ not: tie('predicate') }),
    fc.record({ and: fc.constant([]), or: fc.constant([]) }),
  ),
}))
const orderBy = fc.array(fc.record({ column, direction: fc.constantFrom('asc', 'desc', 'up') }), {
  maxLength: 3,
})
const limit = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(0, -1, 1.5, 1e9, '1'))
const key = fc.array(value, { maxLength: 3 })
/** What somebody might well ask for: it is followed, and what is written concerns it. */
const sensible = fc.oneof(
  fc.constantFrom(
    { kind: 'table', relation: 'a' },
    { kind: 'table', relation: 'secured' },
    { kind: 'table', relation: 'secured', where: { column: 'team', op: 'gt', value: 10 }, limit: 5 },
    { kind: 'row', relation: 'secured', key: [4] },
    { kind: 'table', relation: 'a', orderBy: [{ column: 'name', direction: 'desc' }], limit: 3 },
    { kind: 'table', relation: 'a', where: { column: 'name', op: 'like', value: '%1%' } },
    { kind: 'table', relation: 'pair', where: { column: 'r', op: 'in', value: ['r1', 'r2'] } },
    { kind: 'column', relation: 'a', column: 'x' },
    { kind: 'field', relation: 'pair', key: [1, 'r1'], column: 'x' },
  ),
  fc.integer({ min: 1, max: 60 }).map((id) => ({ kind: 'row', relation: 'a', key: [id] })),
  fc
    .tuple(fc.constantFrom('eq', 'gt', 'ne'), fc.integer({ min: 0, max: 60 }))
    .map(([op, value]) => ({ kind: 'table', relation: 'a', where: { column: 'x', op, value } })),
)
const subscription = fc.oneof(
  { weight: 8, arbitrary: sensible },
  fc.record({ kind: fc.constant('table'), relation }),
  fc.record(
    { kind: fc.constant('table'), relation, where: predicate, orderBy, limit },
    { requiredKeys: ['kind', 'relation'] },
  ),
  fc.record({ kind: fc.constant('row'), relation, key }),
  fc.record({
    kind: fc.constant('row'),
    relation: fc.constant('a'),
    key: fc.tuple(fc.integer({ min: 1, max: 60 })),
  }),
  fc.record({ kind: fc.constant('column'), relation, column }),
  fc.record({ kind: fc.constant('field'), relation, key, column }),
  fc.object(),
)
const position = fc.oneof(
  fc.constantFrom(
    '',
    '/',
    'a/1:1:',
    'a/1:2:1',
    '\0/1:1:',
    `a/1:${'9'.repeat(19)}:`,
    `a/${'9'.repeat(19)}:1:`,
  ),
  fc.constant(`a/1:1000000:${Array.from({ length: 14_000 }, (_, i) => i + 1).join(',')}`),
  fc.string({ unit: 'binary' }),
)

type Step =
  | { readonly do: 'send'; readonly event: string; readonly message: unknown }
  /** With something of what the client knows: its position, its session, its last subscription's id. */
  | {
      readonly do: 'attach'
      readonly subscriptions: unknown
      readonly session: 'none' | 'mine' | 'forged' | 'another'
    }
  | { readonly do: 'ack' | 'unsubscribe' | 'reconnect' | 'wait' | 'write' }
  | { readonly do: 'burst'; readonly subscription: unknown; readonly count: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      event: fc.constant('subscribe'),
      message: fc.record({ subscription }),
    }),
  },
  fc.record({
    do: fc.constant('attach' as const),
    subscriptions: fc.array(fc.record({ subscription }), { maxLength: 8 }),
    session: fc.constantFrom('none', 'mine', 'forged', 'another'),
  }),
  fc.record({
    do: fc.constant('send' as const),
    event: fc.constantFrom(
      'attach',
      'subscribe',
      'unsubscribe',
      'ack',
      'authenticate',
      'batch',
      'error',
      'message',
      '__proto__',
      'toString',
    ),
    message: fc.oneof(
      fc.record({ position }),
      fc.record({ id: fc.string() }),
      fc.anything({ withBigInt: false }),
    ),
  }),
  fc.record({ do: fc.constantFrom('ack', 'unsubscribe', 'reconnect', 'wait', 'write') }),
  fc.record({
    do: fc.constant('burst' as const),
    subscription,
    count: fc.constantFrom(2, 2, 5, 5, 10, 20, 1000),
  }),
)

/** Speaks the protocol, in a way. */
class SenselessClient implements AsyncDisposable {
  #socket = new TestSocket(url)
  #session: { id: string; token: string } | undefined
  #lastId = 'table:public.a'
  readonly #unanswered: Promise<void>[] = []

  /** Does not wait for answers: what it says next may overtake them. */
  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'send':
        return this.#send(step.event, step.message)
      case 'attach':
        return this.#send('attach', {
          protocol: protocolVersion,
          subscriptions: step.subscriptions,
          ...(step.session !== 'none' && { session: this.#key(step.session) }),
          restore: true,
        })
      case 'ack': {
        const progress = this.#socket.messages.findLast(({ event }) => event === 'progress')
        const { to } = (progress?.message ?? { to: '' }) as { to: string }
        return this.#send('ack', { position: to })
      }
      case 'unsubscribe':
        return this.#send('unsubscribe', { id: this.#lastId })
      case 'burst':
        for (let i = 0; i < step.count; i++)
          await this.#send('subscribe', { subscription: step.subscription })
        return
      case 'wait':
        await Promise.all(this.#unanswered.splice(0))
        return
      case 'reconnect':
        return this.#reconnect()
      case 'write':
        await admin.query(`update a set x = x + 1, name = 'name ' || x where id <= 5;
          update secured set team = team + 1, x = x + 1 where id <= 5`)
    }
  }

  #key(session: 'mine' | 'forged' | 'another') {
    const unknown = { id: '00000000-0000-0000-0000-000000000000', token: 'x' }
    if (session === 'another') return unknown
    return session === 'mine' ? (this.#session ?? unknown) : { ...(this.#session ?? unknown), token: 'x' }
  }

  async #reconnect(): Promise<void> {
    this.#look()
    await this.#socket[Symbol.asyncDispose]()
    this.#socket = new TestSocket(url)
  }

  async #send(event: string, message: unknown): Promise<void> {
    if (this.#socket.socket.disconnected && !this.#socket.socket.active) await this.#reconnect()
    const { socket } = this.#socket
    if (!socket.connected)
      await new Promise<void>((resolve) =>
        socket.once('connect', () => resolve()).once('connect_error', () => resolve()),
      )
    const answered = new Promise<unknown>((resolve, reject) => {
      const gone = () => resolve(undefined) // it was too much for the server
      socket.once('disconnect', gone)
      socket.timeout(longestDelayMs).emit(event, message, (error: Error | null, reply: unknown) => {
        socket.off('disconnect', gone)
        if (error && socket.connected) reject(new Error(`no answer to ${event}`))
        else resolve(reply)
      })
    }).then((reply) => this.#answered(reply))
    answered.catch(() => undefined) // is seen to when it is waited for
    this.#unanswered.push(answered)
  }

  #answered(reply: unknown): void {
    if (reply === undefined) return
    expect(JSON.stringify(reply)).not.toContain(hidden)
    const { ok, code, value } = reply as {
      ok: boolean
      code?: string
      value?: { id?: string; session?: { id: string; token: string } } | null
    }
    expect(ok ? 'ok' : code).toMatch(/^[a-z_]+$/)
    expect(code).not.toBe('internal')
    this.#session = value?.session ?? this.#session
    this.#lastId = value?.id ?? this.#lastId
  }

  #look(): void {
    expect(JSON.stringify(this.#socket.messages)).not.toContain(hidden)
  }

  /** All of it has been answered, rightly. */
  async settle(): Promise<void> {
    await Promise.all(this.#unanswered.splice(0))
    this.#look()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket[Symbol.asyncDispose]()
  }
}

const attachFirst: Step = { do: 'attach', subscriptions: [], session: 'none' }

/** What has once gone wrong. */
const found: { isAttached: boolean; steps: Step[] }[] = [
  {
    // Each was written down by itself, after the one before.
    isAttached: true,
    steps: [{ do: 'burst', subscription: { kind: 'row', relation: 'a', key: [14] }, count: 1000 }],
  },
]

test(
  'clients that make no sense are answered, and concern nobody else',
  async () => {
    const input = fc.record({
      isAttached: fc.boolean(),
      steps: fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }),
    })
    await fuzz(
      input,
      async ({ isAttached, steps }) => {
        await using client = new SenselessClient()
        for (const each of isAttached ? [attachFirst, ...steps] : steps) await client.take(each)
        await client.settle()
        await checkServer()
      },
      found,
    )
  },
  fuzzMs + 120_000,
)

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '2probe',
    '40',
    '41',
    '42',
    '43',
    '44',
    '45',
    '46',
    '4',
    '47',
    '499',
  ),
  fc.constantFrom(
    '40{}',
    '40/x,',
    '40/x,{}',
    '41/x,',
    '43[]',
    '430[]',
    '439999999999999999999[]',
    '42[]',
    '42["disconnect"]',
  ),
  fc.constantFrom(
    '42[5]',
    '42["newListener"]',
    '42["error"]',
    '42["attach"]',
    '421["attach"]',
    '42["a",{"__proto__":{"x":1}}]',
  ),
  fc.constantFrom(
    '451-["subscribe",{"_placeholder":true,"num":0}]',
    '451-["x",{"_placeholder":true,"num":99}]',
    '459999999-[]',
    '461-[]',
  ),
  fc.constantFrom(
    '42["subscribe",',
    '42["subscribe"',
    `42${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    `421["subscribe",${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}]`,
  ),
  fc.record({ subscription }).map((message) => `421["subscribe",${JSON.stringify(message)}]`),
  fc
    .tuple(fc.record({ subscription }), fc.nat(100))
    .map(([message, length]) => `421["subscribe",${JSON.stringify(message)}]`.slice(0, length)),
  fc.constant('x'.repeat(1_100_000)),
  fc.constant(`421["ack",{"position":"${'1'.repeat(300_000)}"}]`),
)
const frame = fc.oneof(
  { weight: 6, arbitrary: fc.record({ send: fc.constant('frame' as const), payload: text }) },
  fc.record({ send: fc.constant('frame' as const), payload: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({
    send: fc.constant('bytes' as const),
    payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  }),
  fc.record({ send: fc.constant('many' as const), payload: text.filter(({ length }) => length < 200) }),
)
const http = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'DELETE'),
      fc.constantFrom(
        '',
        '?',
        '?EIO=4',
        '?EIO=3&transport=polling',
        '?EIO=4&transport=polling',
        '?EIO=4&transport=polling&sid=x',
        '?EIO=4&transport=websocket&sid=__proto__',
        '?EIO=4&transport=webtransport',
        '?EIO=4&transport=polling&t=%ff%00',
      ),
      fc.constantFrom(
        '',
        'Origin: https://evil.example',
        'Origin: null',
        'Upgrade: websocket\r\nConnection: Upgrade',
        'Content-Length: 99999999',
        'Transfer-Encoding: chunked',
      ),
      fc.string(),
    )
    .map(
      ([method, query, header, body]) =>
        `${method} ${defaultPath}/${query} HTTP/1.1\r\nHost: x\r\n${header}${header && '\r\n'}\r\n${body}`,
    ),
)

test(
  'frames that make no sense, and requests that are none, concern nobody else',
  async () => {
    const input = fc.record({
      isAttached: fc.boolean(),
      frames: fc.array(frame, { minLength: 1, maxLength: 8 }),
      requests: fc.array(http, { maxLength: 2 }),
    })
    await fuzz(input, async ({ isAttached, frames, requests }) => {
      using socket = await RawWebSocket.open(port, `${defaultPath}/`)
      if (isAttached) {
        socket.sendFrame('40')
        await socket.until((received) => received.includes('40{'))
        socket.sendFrame(`420["attach",{"protocol":${protocolVersion},"subscriptions":[]}]`)
        await socket.until((received) => received.includes('430['))
      }
      for (const { send, payload } of frames)
        if (send === 'bytes') socket.send(payload)
        else for (let i = 0; i < (send === 'many' ? 300 : 1); i++) socket.sendFrame(payload)
      await Promise.all(requests.map(request))
      await sleep(5)
      expect(socket.received).not.toContain(hidden)
      await checkServer()
    })
  },
  fuzzMs + 120_000,
)

/** Sends something like a request, and does not wait for an answer that may never come. */
async function request(bytes: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(bytes, 'latin1')
  await Promise.race([once(socket, 'data'), sleep(20)])
  socket.destroy()
}
