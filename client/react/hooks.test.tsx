// @vitest-environment happy-dom
import { act, cleanup, configure, render } from '@testing-library/react'
import { StrictMode, Suspense, useState, type ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Result } from '../core/result.ts'
import { createClient, type Client } from '../core/index.ts'
import { SocketServer } from '../testing/socket-server.ts'
import { ModelServer, positionOf } from '../testing/model-server.ts'
import {
  RowcastProvider,
  useChanges,
  useColumn,
  useConnection,
  useField,
  useRow,
  useSuspenseRow,
  useSuspenseTable,
  useTable,
} from './index.ts'

// these tests wait for what the page shows, as a person does
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })

// a busy machine is given its time
vi.setConfig({ testTimeout: 30_000 })
configure({ asyncUtilTimeout: 10_000 })
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

const joe = { id: 1, name: 'joe', score: 12 }
const ann = { id: 2, name: 'ann', score: 16 }

let server: SocketServer
let client: Client
/** What each component has seen, one entry a render. */
let seen: Record<string, Result<unknown>[]>

beforeEach(async () => {
  server = await SocketServer.start(new ModelServer(['public.person', 'public.mark']))
  server.model.write('public.person', joe, ann)
  client = createClient({ url: server.url, graceMs: 50, retryDelayMs: 20, maxRetryDelayMs: 50 })
  seen = {}
})

afterEach(async () => {
  cleanup()
  client.close()
  await server.stop()
})

/** A component that uses one hook and notes what it sees. */
function Probe({ name, use }: { name: string; use: () => Result<unknown> }) {
  const result = use()
  ;(seen[name] ??= []).push(result)
  return <output data-testid={name}>{JSON.stringify(result)}</output>
}

function show(children: ReactNode, isStrict = false) {
  const page = <RowcastProvider client={client}>{children}</RowcastProvider>
  return render(isStrict ? <StrictMode>{page}</StrictMode> : page)
}

const last = (name: string): Result<unknown> | undefined => seen[name]?.at(-1)

const ready = (...names: string[]): Promise<void> =>
  until(() => {
    for (const name of names) expect(last(name)?.status).toBe('ready')
  })

/** Resolves when everything written so far has arrived, and React has had its turn. */
let marks = 0
async function arrival(): Promise<void> {
  const id = ++marks
  const mark = client.follow({ kind: 'row', relation: 'mark', key: [id] })
  const stop = mark.subscribe(() => undefined)
  server.model.write('public.mark', { id })
  await until(() => expect(mark.getSnapshot().data).toEqual({ id }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  stop()
}

/** How often each component renders while something is done. */
async function rendersDuring(work: () => void): Promise<Record<string, number>> {
  await arrival()
  const before = Object.fromEntries(Object.entries(seen).map(([name, { length }]) => [name, length]))
  work()
  await arrival()
  return Object.fromEntries(
    Object.entries(seen).map(([name, { length }]) => [name, length - (before[name] ?? 0)]),
  )
}

describe.each([
  { mode: 'plainly', isStrict: false, once: 1 },
  { mode: 'under StrictMode, which renders twice', isStrict: true, once: 2 },
])('$mode', ({ isStrict, once }) => {
  test('E-62 a component renders again only when what it reads changes', async () => {
    show(
      <>
        <Probe name="joe" use={() => useRow('person', 1)} />
        <Probe name="ann" use={() => useRow('person', [2])} />
        <Probe name="nobody" use={() => useRow('person', 9)} />
        <Probe name="joe's name" use={() => useField('person', 1, 'name')} />
        <Probe name="joe's score" use={() => useField('person', 1, 'score')} />
        <Probe name="names" use={() => useColumn('person', 'name')} />
        <Probe name="scores" use={() => useColumn('person', 'score')} />
        <Probe name="all" use={() => useTable('person')} />
        <Probe name="high" use={() => useTable('person', { where: { score: { gt: 15 } } })} />
      </>,
      isStrict,
    )
    await ready('joe', 'ann', 'nobody', "joe's name", "joe's score", 'names', 'scores', 'all', 'high')
    expect(last('nobody')?.data).toBeNull()
    const none = Object.fromEntries(Object.keys(seen).map((name) => [name, 0]))

    expect(await rendersDuring(() => server.model.write('public.person', { ...joe, score: 13 }))).toEqual({
      ...none,
      joe: once,
      "joe's score": once,
      scores: once,
      all: once,
    })
    expect(last('joe')?.data).toEqual({ ...joe, score: 13 })
    expect(last("joe's score")?.data).toBe(13)

    expect(await rendersDuring(() => server.model.delete('public.person', 1))).toEqual({
      ...none,
      joe: once,
      "joe's name": once,
      "joe's score": once,
      names: once,
      scores: once,
      all: once,
    })
    expect(last('joe')).toEqual({ status: 'ready', data: null })
    expect(last("joe's name")).toEqual({ status: 'ready', data: undefined })

    expect(await rendersDuring(() => server.model.write('public.person', ann))).toEqual(none)
  })

  test('a component that reads several things renders once for a commit', async () => {
    let renders = 0
    function Both() {
      const row = useRow('person', 1)
      const field = useField('person', 1, 'score')
      const all = useTable('person')
      renders++
      return <p>{[row, field, all].map(({ status }) => status).join()}</p>
    }
    const page = show(<Both />, isStrict)
    await page.findByText('ready,ready,ready')
    await arrival()
    renders = 0
    server.model.write('public.person', { ...joe, score: 1 }, { ...ann, score: 2 })
    await arrival()
    expect(renders).toBe(once)
  })

  test('E-67 the last component to go unsubscribes, and one that comes back soon does not ask again', async () => {
    const Row = () => <Probe name="joe" use={() => useRow('person', 1)} />
    const page = show(<Row />, isStrict)
    await ready('joe')
    const requests = () => (server.connection?.requests ?? []).filter(({ name }) => name !== 'ack')
    const asked = requests().length
    page.rerender(<RowcastProvider client={client}>{null}</RowcastProvider>)
    page.rerender(
      <RowcastProvider client={client}>
        <Row />
      </RowcastProvider>,
    )
    expect(last('joe')?.status).toBe('ready')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(requests()).toHaveLength(asked)
    page.unmount()
    await until(() => expect(server.connection?.followed.size).toBe(0))
  })
})

test('useTable keeps the array while nothing of it changes, and each row while that row does not', async () => {
  show(<Probe name="all" use={() => useTable('person', { orderBy: { name: 'asc' } })} />)
  await ready('all')
  const before = last('all')?.data as object[]
  expect(before).toEqual([ann, joe])
  await rendersDuring(() => server.model.write('public.person', { ...joe, score: 13 }))
  const after = last('all')?.data as object[]
  expect(after).not.toBe(before)
  expect(after[0]).toBe(before[0])
  server.sockets[0]?.disconnect() // and after a reconnect
  await until(() => expect(server.sockets).toHaveLength(2))
  await arrival()
  expect(last('all')?.data).toBe(after)
})

test('E-61 rows come, go and move as they start and stop to match, and a limit refills', async () => {
  const options = { where: { score: { gt: 10 } }, orderBy: { score: 'desc' }, limit: 2 } as const
  show(<Probe name="best" use={() => useTable('person', options)} />)
  await ready('best')
  const names = (): string[] => (last('best')?.data as { name: string }[]).map(({ name }) => name)
  expect(names()).toEqual(['ann', 'joe'])
  server.model.write('public.person', { id: 3, name: 'bob', score: 20 })
  await until(() => expect(names()).toEqual(['bob', 'ann']))
  server.model.write('public.person', { ...joe, score: 30 })
  await until(() => expect(names()).toEqual(['joe', 'bob']))
  server.model.write('public.person', { ...joe, score: 5 })
  await until(() => expect(names()).toEqual(['bob', 'ann']))
  server.model.delete('public.person', 3)
  await until(() => expect(names()).toEqual(['ann']))
})

test('E-61 a filter that cannot be meant is an error, and the rest of the page lives', async () => {
  show(
    <>
      <Probe name="bad" use={() => useTable('person', { where: { score: { near: 3 } as never } })} />
      <Probe name="undefined" use={() => useTable('person', { where: { score: undefined as never } })} />
      <Probe name="joe" use={() => useRow('person', 1)} />
    </>,
  )
  await ready('joe')
  expect(last('bad')).toMatchObject({ status: 'error', error: { code: 'invalid_filter' } })
  expect(last('undefined')).toMatchObject({ status: 'error', error: { code: 'invalid_filter' } })
})

test('options that are written inline subscribe once', async () => {
  let rerender: (n: number) => void = () => undefined
  function Page() {
    const [n, set] = useState(0)
    rerender = set
    return (
      <Probe name={`render ${n}`} use={() => useTable('person', { where: { score: { gt: 1 } }, limit: 5 })} />
    )
  }
  show(<Page />)
  await ready('render 0')
  for (let n = 1; n < 5; n++) {
    rerender(n)
    await ready(`render ${n}`)
  }
  await arrival()
  const asked = server.connection?.requests.filter(({ request }) =>
    JSON.stringify(request).includes('person'),
  )
  expect(asked).toHaveLength(1)
})

test('what is not enabled, or has no key yet, follows nothing', async () => {
  show(
    <>
      <Probe name="off" use={() => useTable('person', { enabled: false })} />
      <Probe name="no key" use={() => useRow('person', undefined)} />
      <Probe name="joe" use={() => useRow('person', 1)} />
    </>,
  )
  await ready('joe')
  await arrival()
  expect(last('off')?.status).toBe('loading')
  expect(last('no key')?.status).toBe('loading')
  expect(
    [...(server.connection?.followed.values() ?? [])].filter(({ relation }) => relation === 'person'),
  ).toEqual([{ kind: 'row', relation: 'person', key: [1] }])
})

test('another key shows the other row, and never the former one for it', async () => {
  let choose: (key: number) => void = () => undefined
  const shown: [number, unknown][] = []
  function Page() {
    const [key, set] = useState(1)
    choose = set
    const row = useRow('person', key)
    if (row.status === 'ready') shown.push([key, row.data])
    return null
  }
  show(<Page />)
  await until(() => expect(shown).toEqual([[1, joe]]))
  choose(2)
  await until(() => expect(shown).toEqual([[1, joe], [2, ann]])) // prettier-ignore
})

test('useChanges has the last changes as they came, with what was there before', async () => {
  show(<Probe name="changes" use={() => useChanges('person', { last: 3 })} />)
  await ready('changes')
  expect(last('changes')?.data).toEqual([])
  server.model.write('public.person', { ...joe, name: 'joseph', score: 13 })
  await until(() =>
    expect(last('changes')?.data).toMatchObject([
      {
        op: 'field_update',
        key: '[1]',
        column: 'name',
        value: 'joseph',
        previous: 'joe',
        position: positionOf(2),
      },
      { op: 'field_update', key: '[1]', column: 'score', value: 13, previous: 12, transaction: '1' },
    ]),
  )
  server.model.delete('public.person', 1)
  server.model.write('public.person', { id: 3, name: 'bob', score: 0 })
  await until(() =>
    expect(last('changes')?.data).toMatchObject([
      { op: 'field_update', column: 'score' },
      { op: 'row_delete', key: '[1]', previous: { id: 1, name: 'joseph', score: 13 } },
      { op: 'row_insert', key: '[3]', row: { id: 3, name: 'bob', score: 0 } },
    ]),
  )
})

test('rows that are read afresh after a reset render nothing but what has changed meanwhile', async () => {
  show(
    <>
      <Probe name="joe" use={() => useRow('person', 1)} />
      <Probe name="ann" use={() => useRow('person', 2)} />
      <Probe name="ann's name" use={() => useField('person', 2, 'name')} />
      <Probe name="names" use={() => useColumn('person', 'name')} />
      <Probe name="all" use={() => useTable('person', { orderBy: { id: 'asc' } })} />
      <Probe name="changes" use={() => useChanges('person')} />
    </>,
  )
  await ready('joe', 'ann', "ann's name", 'names', 'all', 'changes')
  const before = last('all')?.data as object[]
  const none = { joe: 0, ann: 0, "ann's name": 0, names: 0, all: 0 }
  expect(
    await rendersDuring(() => {
      server.model.horizon = server.model.now + 1
      server.sockets.at(-1)?.disconnect()
    }),
  ).toMatchObject(none)
  expect(last('all')?.data).toBe(before)
  expect(
    await rendersDuring(() => {
      server.sockets.at(-1)?.disconnect()
      server.model.write('public.person', { ...joe, score: 13 })
      server.model.horizon = server.model.now + 1
    }),
  ).toMatchObject({ ...none, joe: 1, all: 1 })
  expect((last('all')?.data as object[])[1]).toBe(before[1])
  for (const results of Object.values(seen))
    expect(results.map(({ status }) => status).join()).toMatch(/^(loading,)+(ready,)*ready$/)
  expect(last('changes')?.data).toMatchObject([
    { op: 'gap', reason: 'position_expired' },
    { op: 'gap', reason: 'position_expired' },
  ])
})

test('what the server refuses is an error', async () => {
  show(<Probe name="none" use={() => useTable('nothing')} />)
  await until(() =>
    expect(last('none')).toMatchObject({ status: 'error', error: { code: 'relation_not_found' } }),
  )
})

test('useConnection says how it is, and a selection renders only for what it selects', async () => {
  let renders = 0
  function Status() {
    const status = useConnection((connection) => connection.status)
    renders++
    return <p>{status}</p>
  }
  function Position() {
    return <i>{useConnection().position}</i>
  }
  const page = show(
    <>
      <Status />
      <Position />
    </>,
  )
  await page.findByText('live')
  await page.findByText(positionOf(1))
  renders = 0
  server.model.write('public.person', joe)
  await arrival()
  expect(renders).toBe(0)
  await server.stop()
  await page.findByText('reconnecting')
  await server.start()
  await page.findByText('live')
})

test.each([false, true])(
  'below Suspense, a component has its data at once (StrictMode: %s)',
  async (isStrict) => {
    function Person() {
      const joe = useSuspenseRow('person', 1)
      const all = useSuspenseTable('person')
      return (
        <p>
          {String(joe?.['name'])} of {all.length}
        </p>
      )
    }
    const page = await act(async () =>
      show(
        <Suspense fallback="waiting">
          <Person />
        </Suspense>,
        isStrict,
      ),
    )
    expect(page.container.textContent).toBe('waiting')
    await page.findByText('joe of 2')
    server.model.write('public.person', { ...joe, name: 'joseph' })
    await page.findByText('joseph of 2')
    page.unmount()
    await until(() => expect(server.connection?.followed.size).toBe(0))
  },
)

test('rendered on a server, everything is loading and nothing is connected', () => {
  const html = renderToString(
    <RowcastProvider client={client}>
      <Probe name="all" use={() => useTable('person')} />
      <Probe name="joe" use={() => useRow('person', 1)} />
      <Probe name="changes" use={() => useChanges('person')} />
    </RowcastProvider>,
  )
  expect(html.match(/loading/g)).toHaveLength(3)
  expect(server.handshakes).toEqual([])
})

test('without a provider, the error says what to do', () => {
  expect(() => renderToString(<Probe name="lost" use={() => useTable('person')} />)).toThrow(
    /RowcastProvider/,
  )
})
