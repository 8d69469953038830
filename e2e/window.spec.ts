import { expect, test } from './test.ts'

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `number ${index + 1}`)

test('E-61 a limited list is refilled when rows leave it', async ({ chat, enter }) => {
  await chat.sql.query('truncate message')
  const ids = await chat.write('Welcome', 'general', ...numbered(52))
  const ada = await enter('Ada')
  await expect(ada.bodies).toHaveCount(50)
  await expect(ada.bodies.first()).toHaveText('number 3')

  await chat.sql.query('delete from message where id = $1', [ids.at(-1)])
  await expect(ada.bodies.last()).toHaveText('number 51')
  await expect(ada.bodies).toHaveCount(50)
  await expect(ada.bodies.first()).toHaveText('number 2')
})

test('E-61 a row that starts to match a filter arrives in its place, one that stops matching leaves', async ({
  chat,
  enter,
}) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await ben.open('how-it-works')
  const ids = await chat.write('Welcome', 'general', 'first', 'wanderer', 'last')
  await expect(ada.message('last')).toBeVisible()
  await expect(ben.message('wanderer')).toHaveCount(0)

  const move = `update message set channel_id = (select id from channel where name = $1) where id = $2`
  await chat.sql.query(move, ['how-it-works', ids[1]])
  await expect(ben.message('wanderer')).toBeVisible()
  await expect(ada.message('wanderer')).toHaveCount(0)

  await chat.sql.query(move, ['general', ids[1]])
  await expect(ada.bodies.filter({ hasText: /^(first|wanderer|last)$/ })).toHaveText([
    'first',
    'wanderer',
    'last',
  ])
  await expect(ben.message('wanderer')).toHaveCount(0)
})

test('older messages load as one scrolls up, and the place that one reads stays', async ({ chat, enter }) => {
  await chat.write('Welcome', 'general', ...numbered(160))
  const ada = await enter('Ada')
  await expect(ada.message('number 160')).toBeInViewport()
  await expect(ada.message('number 100')).toHaveCount(0)

  await ada.message('number 125').scrollIntoViewIfNeeded()
  const place = async () => (await ada.message('number 125').boundingBox())?.y
  const before = await place()
  await expect(ada.message('number 100')).toHaveCount(1)
  expect(await place()).toBeCloseTo(before ?? NaN, 0)

  await expect(async () => {
    await ada.log.evaluate((log) => log.scrollTo(0, 0))
    await expect(ada.page.getByText('This is where #general begins.')).toBeInViewport({ timeout: 200 })
  }).toPass()
  await expect(ada.bodies).toHaveCount(162)
})

test('the list follows at the bottom; further up it stays, and a button tells what is new', async ({
  chat,
  enter,
}) => {
  await chat.write('Welcome', 'general', ...numbered(60))
  const ada = await enter('Ada')
  await chat.write('Welcome', 'general', 'at the bottom')
  await expect(ada.message('at the bottom')).toBeInViewport()

  await ada.message('number 20').scrollIntoViewIfNeeded()
  const place = async () => (await ada.message('number 20').boundingBox())?.y
  await expect(ada.page.getByText('This is where #general begins.')).toHaveCount(1) // all is loaded
  await expect(ada.message('number 20')).toBeInViewport()
  const before = await place()
  await chat.write('Welcome', 'general', 'unseen 1', 'unseen 2')
  const button = ada.page.getByRole('button', { name: '2 new messages' })
  await expect(button).toBeVisible()
  expect(await place()).toBeCloseTo(before ?? NaN, 0)

  await button.click()
  await expect(ada.message('unseen 2')).toBeInViewport()
  await expect(button).toBeHidden()
})
