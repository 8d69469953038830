import { expect, test } from './test.ts'
import { touchedMessages, watchMessages } from './touched.ts'

test('C-33 two people see each other’s messages at once', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]

  await ada.send('Hello Ben')
  await expect(ben.message('Hello Ben')).toBeVisible()
  await expect(ben.message('Hello Ben').locator('.message-author')).toHaveText('Ada')

  await ben.send('Hello Ada')
  await expect(ada.message('Hello Ada')).toBeVisible()
  await expect(ada.bodies.filter({ hasText: 'Hello' })).toHaveText([
    /^Hello, and welcome/,
    'Hello Ben',
    'Hello Ada',
  ])
})

test('E-45 an insert, an update, a delete and a truncate from SQL show', async ({ chat, enter }) => {
  const ada = await enter('Ada')

  const [id] = await chat.write('Welcome', 'general', 'Written in SQL')
  await expect(ada.message('Written in SQL')).toBeVisible()

  await chat.sql.query(`update message set body = 'Changed in SQL' where id = $1`, [id])
  await expect(ada.message('Changed in SQL')).toBeVisible()
  await expect(ada.message('Written in SQL')).toBeHidden()

  await chat.sql.query('delete from message where id = $1', [id])
  await expect(ada.message('Changed in SQL')).toBeHidden()

  await expect(ada.bodies).not.toHaveCount(0)
  await chat.sql.query('truncate message')
  await expect(ada.bodies).toHaveCount(0)
  await expect(ada.page.getByText('This is where #general begins.')).toBeVisible()
})

test('E-45 only the element of the changed row is touched', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  const ids = await chat.write('Welcome', 'general', 'one', 'two', 'three')
  await expect(ada.message('three')).toBeVisible()
  const [, two, three] = ids

  await watchMessages(ada.page)
  await chat.sql.query(`update message set body = 'two, changed' where id = $1`, [two])
  await expect(ada.message('two, changed')).toBeVisible()
  expect(await touchedMessages(ada.page)).toEqual([String(two)])

  await watchMessages(ada.page)
  const [four] = await chat.write('Welcome', 'general', 'four')
  await expect(ada.message('four')).toBeVisible()
  expect(await touchedMessages(ada.page)).toEqual([`+${four}`])

  await watchMessages(ada.page)
  await chat.sql.query('delete from message where id = $1', [three])
  await expect(ada.message('three')).toBeHidden()
  expect(await touchedMessages(ada.page)).toEqual([`-${three}`])
})

test('a change to another channel touches nothing here', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await watchMessages(ada.page)
  await chat.write('Welcome', 'how-it-works', 'elsewhere')
  await chat.write('Welcome', 'general', 'here')
  await expect(ada.message('here')).toBeVisible()
  const { rows } = await chat.sql.query<{ id: number }>(`select id from message where body = 'here'`)
  expect(await touchedMessages(ada.page)).toEqual([`+${rows[0]?.id}`])
})

test('a transaction shows whole: all of its messages or none', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await chat.sql.query('begin')
  await chat.write('Welcome', 'general', 'not meant')
  await chat.sql.query('rollback')
  await chat.sql.query('begin')
  await chat.write('Welcome', 'general', 'first half')
  await chat.write('Welcome', 'general', 'second half')
  await expect(ada.bodies.filter({ hasText: 'half' })).toHaveCount(0)
  await chat.sql.query('commit')
  await expect(ada.bodies.filter({ hasText: 'half' })).toHaveText(['first half', 'second half'])
  await expect(ada.message('not meant')).toHaveCount(0)
})
