import { createServer } from 'node:http'
import { pino } from 'pino'
import { createRowcast } from '../server/index.ts'
import { answerParent } from '../test/child.ts'
import { clientRole } from './workload.ts'

// A Rowcast server of a run, as an application would have it: a client names its role, SIGTERM closes.

const { FAULTS_PORT, FAULTS_DATABASE, FAULTS_LOG } = process.env
const httpServer = createServer((_request, response) => response.writeHead(404).end())

async function start(): Promise<void> {
  const rowcast = await createRowcast({
    database: FAULTS_DATABASE ?? '',
    httpServer,
    authenticate: ({ auth }) => {
      if (auth['role'] !== clientRole) throw new Error('who are you?')
      return { role: clientRole, claims: {} }
    },
    logger: pino({ level: 'info' }, pino.destination({ dest: FAULTS_LOG ?? '/dev/null', sync: true })),
  })
  await new Promise<void>((resolve) => httpServer.listen(Number(FAULTS_PORT), '127.0.0.1', resolve))
  process.once('SIGTERM', () => {
    void rowcast.close().finally(() => process.exit())
  })
}

/** The database may not be there just now. */
async function startAtLast(): Promise<void> {
  for (;;) {
    try {
      return await start()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  }
}

const started = startAtLast()
answerParent({ started: () => started })
