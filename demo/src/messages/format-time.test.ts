import { expect, test } from 'vitest'
import { formatDay } from './format-time.ts'

const now = new Date(2024, 4, 2, 0, 5)
const at = (...parts: [number, number, number, number]) => new Date(...parts).toISOString()

test('days are named by the calendar, not by how many hours ago', () => {
  expect(formatDay(at(2024, 4, 2, 0), now)).toBe('Today')
  expect(formatDay(at(2024, 4, 1, 23), now)).toBe('Yesterday')
})

test('older days are dates, with the year if it is another', () => {
  expect(formatDay(at(2024, 3, 28, 12), now)).not.toContain('2024')
  expect(formatDay(at(2023, 3, 28, 12), now)).toContain('2023')
})
