import { expect, test } from 'vitest'
import { RowcastError } from '../../shared/errors.ts'
import { explain } from './explain.ts'
import { UsageError } from './usage-error.ts'

test('a wrong command line is a usage error', () => {
  expect(explain(new UsageError('say which'))).toEqual({ text: 'say which', exitCode: 2 })
})

test('a refused connection says what to check, though Node leaves its message empty', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { code: 'ECONNREFUSED' })
  const error = Object.assign(new AggregateError([refused], ''), { code: 'ECONNREFUSED' })
  expect(explain(error).text).toBe(
    'connect ECONNREFUSED ::1:5432\nIs PostgreSQL running there? Check DATABASE_URL or --database.',
  )
})

test("PostgreSQL's own hint goes before ours", () => {
  const error = Object.assign(new Error('no'), { code: '42P01', hint: 'do this' })
  expect(explain(error).text).toBe('no\ndo this')
})

test('an expected failure shows no stack, a bug of ours does', () => {
  expect(explain(new RowcastError('internal', 'failed')).text).toBe('failed')
  expect(explain(new TypeError('x is not a function')).text).toContain('explain.test.ts')
})
