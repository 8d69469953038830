import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePosition } from '../../shared/position.ts'
import {
  commonSnapshot,
  formatSnapshot,
  isVisibleIn,
  parseSnapshot,
  xminOf,
  type Snapshot,
} from './snapshot.ts'

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 40n }), { maxLength: 8 })
const snapshots: fc.Arbitrary<Snapshot> = fc
  .tuple(fc.bigInt({ min: 1n, max: 41n }), ids)
  .map(([xmax, all]) => {
    const running = new Set(all.filter((xid) => xid < xmax))
    return { xmin: [...running].reduce((a, b) => (a < b ? a : b), xmax), xmax, running }
  })

test('the common snapshot shows just what all of them show, and is one that PostgreSQL accepts', () => {
  fc.assert(
    fc.property(fc.array(snapshots, { minLength: 1, maxLength: 5 }), (all) => {
      const common = commonSnapshot(all)
      for (let xid = 1n; xid <= 45n; xid++)
        expect(isVisibleIn(common, xid)).toBe(all.every((snapshot) => isVisibleIn(snapshot, xid)))
      expect(parsePosition(`epoch/${formatSnapshot(common)}`).snapshot).toBe(formatSnapshot(common))
    }),
  )
})

test('a snapshot is read as it is written', () => {
  fc.assert(
    fc.property(snapshots, (snapshot) => {
      expect(parseSnapshot(formatSnapshot(snapshot))).toEqual(snapshot)
      expect(xminOf(formatSnapshot(snapshot))).toBe(snapshot.xmin)
    }),
  )
})
