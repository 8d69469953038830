/** Runs the harness with the options that its argument holds as JSON, and prints what came of it. */
import { run, type RunOptions } from '../harness.ts'
import type { Trial } from './plant.ts'

const options = JSON.parse(process.argv[2] ?? '{}') as RunOptions
const { verdict, troubles } = await run(options)
console.log(JSON.stringify({ ...verdict, troubles } satisfies Trial))
process.exit() // whatever still holds it open
