import { expect, test } from 'vitest'
import type { Definition } from '../routing/definition.ts'
import { goingOnFrom, nothing } from './missing.ts'

const followed = (rightsSince: string | null) => ({ relation: { rightsSince } }) as Definition

test('who has got a right since a position, or while something ran at it that runs no more, does not go on from there', () => {
  const mayGoOn = goingOnFrom({ ...nothing(), from: '5:9:6,8' })
  const answers = ['5', '6', '7', '8', '9', '10'].map((xid) => mayGoOn(followed(xid)))
  expect(answers).toEqual([true, false, false, false, false, false])
  const atRest = goingOnFrom({ ...nothing(), from: '9:9:' })
  expect(['8', '9'].map((xid) => atRest(followed(xid)))).toEqual([true, false])
})

test('nobody goes on from nowhere, nor with a right of which nobody knows since when', () => {
  expect(goingOnFrom(nothing())(followed('1'))).toBe(false)
  expect(goingOnFrom({ ...nothing(), from: '9:9:' })(followed(null))).toBe(false)
})
