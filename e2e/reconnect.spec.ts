import { expect, test } from './test.ts'

test('a reload resumes the session and shows what came meanwhile', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await ada.send('before')
  await expect(ada.message('before')).toBeVisible()
  const sessions = async () => (await chat.sql.query('select id from event.session')).rows
  const before = await sessions()

  await ada.page.reload()
  await ada.isLive()
  await expect(ada.message('before')).toHaveCount(1)
  await chat.write('Welcome', 'general', 'after')
  await expect(ada.message('after')).toHaveCount(1)
  expect(await sessions()).toEqual(before)
})

test('the server restarts and the page goes on, without losing or doubling a message', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  await chat.write('Welcome', 'general', 'before')
  await expect(ada.message('before')).toBeVisible()

  await chat.stopServer()
  await expect(ada.connection).toHaveText('Offline')
  await expect(ada.page.getByText('Connection lost')).toBeVisible()
  await chat.write('Welcome', 'general', 'while away 1', 'while away 2')
  await chat.sql.query(`update message set body = 'before, changed' where body = 'before'`)
  await expect(ada.message('before')).toBeVisible() // what was known stays in view

  await chat.startServer()
  await expect(ada.message('while away 2')).toBeVisible()
  await expect(ada.connection).toHaveText('Live')
  await expect(ada.page.getByText('Connection lost')).toBeHidden()
  await chat.write('Welcome', 'general', 'after')
  await expect(ada.message('after')).toBeVisible()
  await expect(ada.bodies).toHaveText([
    /^Hello, and welcome/,
    /^Open it in a second window/,
    'before, changed',
    'while away 1',
    'while away 2',
    'after',
  ])
})

test('several restarts in a row lose nothing', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  for (const round of [1, 2, 3]) {
    await chat.stopServer()
    await chat.write('Welcome', 'general', `round ${round}`)
    await chat.startServer()
    await expect(ada.message(`round ${round}`)).toBeVisible()
  }
  await expect(ada.bodies.filter({ hasText: 'round' })).toHaveText(['round 1', 'round 2', 'round 3'])
})

test('a message that cannot be sent comes back with the reason, and can be sent again', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  await chat.stopServer()
  await ada.send('Are you there?')
  await expect(ada.page.getByText('The server cannot be reached.')).toBeVisible()
  await expect(ada.composer).toHaveValue('Are you there?')

  await chat.startServer()
  await expect(ada.connection).toHaveText('Live')
  await ada.composer.press('Enter')
  await expect(ada.message('Are you there?')).toHaveCount(1)
  await expect(ada.composer).toHaveValue('')
})
