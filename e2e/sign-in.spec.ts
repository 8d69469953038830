import { ChatPage } from './chat-page.ts'
import { expect, test } from './test.ts'

test('one is signed in until one signs out, in every tab', async ({ enter }) => {
  const ada = await enter('Ada')
  await ada.page.reload()
  await ada.isLive()
  await expect(ada.page.getByTitle('Signed in as Ada')).toBeVisible()

  const secondTab = await ada.anotherTab()
  await secondTab.isLive()
  await ada.page.getByRole('button', { name: 'Sign out' }).click()
  await expect(ada.page.getByLabel('Your name')).toBeVisible()
  await expect(secondTab.page.getByLabel('Your name')).toBeVisible()
})

test('a name is the same person again, in whatever case', async ({ chat, enter }) => {
  await enter('Ada')
  const again = await enter('  ADA ')
  await expect(again.page.getByTitle('Signed in as Ada')).toBeVisible()
  const { rows } = await chat.sql.query(`select name from chat_user where not is_system`)
  expect(rows).toEqual([{ name: 'Ada' }])
})

test('names that cannot be had are refused in words', async ({ chat, page }) => {
  const visitor = new ChatPage(page, chat.url)
  await visitor.goto()
  for (const [name, reason] of [
    ['   ', 'Please enter a name.'],
    ['welcome', 'The name “welcome” is taken. Please pick another.'],
  ] as const) {
    await page.getByLabel('Your name').fill(name)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toHaveText(reason)
  }
})

test('a token that is not ours is refused, and leads back to the sign-in with the reason', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  await ada.page.evaluate(() => {
    const key = 'rowcast-chat.session'
    const session = JSON.parse(localStorage.getItem(key) ?? '{}') as object
    localStorage.setItem(key, JSON.stringify({ ...session, token: 'forged' }))
  })
  await ada.page.reload()
  await expect(ada.page.getByLabel('Your name')).toBeVisible()
  await expect(ada.page.getByRole('alert')).toHaveText('Your sign-in has expired. Please sign in again.')
  const response = await ada.page.request.post(`${chat.url}/api/messages`, {
    data: { channelId: 1, body: 'x' },
  })
  expect(response.status()).toBe(401)
})

test('whoever the database no longer knows is asked to sign in again', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await chat.sql.query(`delete from chat_user where name = 'Ada'`)
  await ada.page.reload()
  await expect(ada.page.getByRole('alert')).toHaveText('This chat no longer knows you. Please sign in again.')
})
