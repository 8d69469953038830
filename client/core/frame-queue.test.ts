import { beforeEach, expect, test } from 'vitest'
import { FrameQueue } from './frame-queue.ts'
import type { Frames } from './page-frames.ts'

let isShown: boolean
let requested: Set<() => void>
let handled: (readonly string[])[]
let queue: FrameQueue<string>

beforeEach(() => {
  isShown = true
  requested = new Set()
  handled = []
  const frames: Frames = {
    get isShown() {
      return isShown
    },
    request(callback) {
      requested.add(callback)
      return () => requested.delete(callback)
    },
  }
  queue = new FrameQueue(frames, (items) => handled.push(items))
})

function nextFrame(): void {
  const callbacks = [...requested]
  requested.clear()
  for (const callback of callbacks) callback()
}

test('what comes first is handed on at once, and the rest together with the next frame', () => {
  for (const item of ['a', 'b', 'c']) queue.add(item)
  expect(handled).toEqual([['a']])
  nextFrame()
  expect(handled).toEqual([['a'], ['b', 'c']])
})

test('while something comes in each frame there is one hand-over a frame', () => {
  queue.add('a')
  queue.add('b')
  nextFrame()
  queue.add('c')
  queue.add('d')
  nextFrame()
  expect(handled).toEqual([['a'], ['b'], ['c', 'd']])
})

test('after a frame without anything, what comes next does not wait', () => {
  queue.add('a')
  nextFrame()
  expect(requested.size).toBe(0)
  queue.add('b')
  expect(handled).toEqual([['a'], ['b']])
})

test('a page that nobody sees has no frames to wait for, also if it was seen before', () => {
  queue.add('a')
  queue.add('b')
  isShown = false
  queue.add('c')
  queue.add('d')
  expect(handled).toEqual([['a'], ['b', 'c'], ['d']])
  expect(requested.size).toBe(0)
})

test('what is flushed does not come again, and what is let go of does not come', () => {
  queue.add('a')
  queue.add('b')
  queue.flush()
  queue.add('c')
  queue.clear()
  nextFrame()
  expect(handled).toEqual([['a'], ['b']])
})

test('what arrives while something is handled waits for the next frame', () => {
  const order: string[] = []
  const nested = new FrameQueue<string>(
    { isShown: true, request: (callback) => (requested.add(callback), () => requested.delete(callback)) },
    (items) => {
      order.push(...items)
      if (items.includes('a')) nested.add('c')
      order.push(`/${items.join()}`)
    },
  )
  nested.add('a')
  nested.add('d')
  nextFrame()
  expect(order).toEqual(['a', '/a', 'c', 'd', '/c,d'])
})
