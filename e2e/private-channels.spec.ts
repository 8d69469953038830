import type { ChatPage } from './chat-page.ts'
import { listenTo } from './received.ts'
import { expect, test } from './test.ts'

/** Creates a private channel without a mouse, as the person at the page, and goes there. */
async function createPrivate({ page }: ChatPage, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Create a channel' }).click()
  const dialog = page.getByRole('dialog', { name: 'Create a channel' })
  await dialog.getByLabel('Name').fill(name)
  const toggle = dialog.getByRole('switch', { name: 'Private' })
  await expect(toggle).not.toBeChecked()
  await toggle.press('Space')
  await expect(toggle).toBeChecked()
  await expect(toggle).toHaveAccessibleDescription('Only those whom you invite see it.')
  await dialog.getByLabel('Name').press('Enter')
  await expect(page.getByRole('heading', { level: 1, name: `Private channel ${name}` })).toBeVisible()
}

/** Lets people into the channel that the owner has open. */
async function invite({ page }: ChatPage, ...names: readonly string[]): Promise<void> {
  await page.getByRole('button', { name: 'Invite people' }).click()
  const dialog = page.getByRole('dialog', { name: 'Invite people' })
  for (const name of names) {
    await dialog.getByLabel('Name').fill(name.toLowerCase())
    await dialog.getByRole('button', { name: `Invite ${name}` }).press('Enter')
    await expect(dialog.getByRole('listitem').filter({ hasText: name })).toContainText('member')
    await expect(dialog.getByLabel('Name')).toBeFocused()
  }
  await dialog.getByRole('button', { name: 'Done' }).click()
}

/** Takes somebody out of the channel that the owner has open. */
async function remove({ page }: ChatPage, name: string): Promise<void> {
  await page.getByRole('button', { name: /^Members/ }).click()
  await page.getByRole('button', { name: `Remove ${name}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByRole('dialog')).toBeHidden()
  await page.getByRole('button', { name: 'Close the members' }).click()
}

test('E-40 a private channel is not there for who is not in it: not on the page, not on the wire', async ({
  chat,
  enter,
}) => {
  const [ada, cleo] = [await enter('Ada'), await enter('Cleo')]
  const [toAda, toCleo] = [await listenTo(ada.page), await listenTo(cleo.page)]
  await cleo.isLive()
  await createPrivate(ada, 'surprise')
  await ada.send('The cake is in the cellar')
  await expect(ada.message('The cake is in the cellar')).toBeVisible()
  const [id] = await chat.write('Ada', 'surprise', 'Candles too')
  await expect(ada.message('Candles too')).toBeVisible()
  await chat.sql.query(`update message set body = 'Candles as well' where id = $1`, [id])
  await expect(ada.message('Candles as well')).toBeVisible()

  // What is for everybody goes on, so Cleo’s page has caught up with all of it.
  await chat.write('Ada', 'general', 'Nothing to see here')
  await expect(cleo.message('Nothing to see here')).toBeVisible()
  await expect(cleo.channel('surprise')).toHaveCount(0)

  // Nor by its address, by looking at the tables, or by the endpoints.
  const { hash } = new URL(ada.page.url())
  const channelId = hash.replace('#/p/', '')
  await cleo.goto(hash)
  await expect(cleo.page.getByText('There is nothing here for you')).toBeVisible()
  for (const table of ['message', 'channel', 'channel_member', 'membership']) {
    await cleo.goto('#/diff')
    await cleo.page.getByRole('combobox', { name: 'Table' }).selectOption(table)
    await expect(cleo.page.getByRole('table', { name: `public.${table}` })).toBeVisible()
  }
  for (const [path, data] of [
    [`/api/channels/${channelId}/join`, undefined],
    [`/api/channels/${channelId}/invite`, { userId: 1 }],
    ['/api/messages', { channelId: Number(channelId), body: 'Let me in' }],
  ] as const)
    expect(await cleo.call('POST', path, data)).toMatchObject({ status: 404, code: 'channel_not_found' })
  await cleo.page.reload()
  await expect(cleo.page.getByRole('table')).toBeVisible()

  for (const secret of ['surprise', 'cellar', 'Candles']) {
    expect(toAda.has(secret)).toBe(true)
    expect(toCleo.has(secret), secret).toBe(false)
    expect(await cleo.page.content()).not.toContain(secret)
  }
  expect(toCleo.has('Nothing to see here')).toBe(true)
})

test('who is invited has the channel with all its history at once, and what is written from then on', async ({
  enter,
}) => {
  const [ada, ben, cleo] = [await enter('Ada'), await enter('Ben'), await enter('Cleo')]
  const toCleo = await listenTo(cleo.page)
  await createPrivate(ada, 'surprise')
  await ada.send('First')
  await ada.send('Second')
  await expect(ada.message('Second')).toBeVisible()

  await invite(ada, 'Ben')
  await expect(ben.channel('surprise')).toContainText('private')
  await expect(ben.channel('surprise')).toContainText('2 unread')
  await ben.open('surprise')
  await expect(ben.bodies).toHaveText(['First', 'Second'])
  await expect(ben.page.getByRole('button', { name: 'Members: 2' })).toBeVisible()
  await expect(ben.page.getByRole('button', { name: 'Invite people' })).toHaveCount(0)

  await ada.send('Third')
  await expect(ben.message('Third')).toBeVisible()
  await ben.send('Fourth')
  await expect(ada.message('Fourth')).toBeVisible()

  await ben.page.reload()
  await expect(ben.bodies).toHaveText(['First', 'Second', 'Third', 'Fourth'])
  await expect(cleo.channel('surprise')).toHaveCount(0)
  expect(toCleo.has('Fourth')).toBe(false)
})

test('C-41 who is removed loses the channel from the open page, without a reload, and receives no more of it', async ({
  chat,
  enter,
}) => {
  const [ada, ben, cleo] = [await enter('Ada'), await enter('Ben'), await enter('Cleo')]
  await createPrivate(ada, 'surprise')
  await ada.send('The cake is in the cellar')
  await invite(ada, 'Ben', 'Cleo')
  const toBen = await listenTo(ben.page)
  await ben.open('surprise')
  await cleo.open('surprise')
  await expect(ben.message('The cake is in the cellar')).toBeVisible()
  const tables = await ben.anotherTab('#/c/general')
  await tables.goto('#/diff')
  await expect(tables.page.getByRole('cell', { name: 'The cake is in the cellar' })).toBeVisible()
  await ben.page.getByRole('button', { name: 'Members: 3' }).click()
  await ben.composer.fill('I will tell')
  toBen.forget()

  await remove(ada, 'Ben')
  await expect(ben.page.getByRole('alert')).toContainText('You are no longer in #surprise')
  await expect(ben.page).toHaveTitle('Rowcast chat')
  await expect(ben.channel('surprise')).toHaveCount(0)
  const left = await ben.page.content()
  for (const secret of ['cellar', 'I will tell', 'Cleo']) expect(left).not.toContain(secret)
  await expect(tables.page.getByRole('cell', { name: 'The cake is in the cellar' })).toHaveCount(0)
  await tables.page.close()
  await expect(cleo.page.getByRole('button', { name: 'Members: 2' })).toBeVisible()

  await ada.send('Ben nearly found the cellar')
  await expect(cleo.message('Ben nearly found the cellar')).toBeVisible()
  await ben.page.getByRole('link', { name: 'Go to #general' }).click()
  await ben.isLive()
  await chat.write('Cleo', 'general', 'Good morning')
  await expect(ben.message('Good morning')).toBeVisible()
  await ben.send('Good morning, Cleo')
  await expect(ben.message('Good morning, Cleo')).toBeVisible()
  expect(toBen.has('cellar')).toBe(false) // nor did what went say what it was
  expect(toBen.has('Good morning')).toBe(true)

  // Back again, all is there, also what was written meanwhile.
  await invite(ada, 'Ben')
  await ben.open('surprise')
  await expect(ben.bodies).toHaveText(['The cake is in the cellar', 'Ben nearly found the cellar'])
})

test('whatever program removes somebody: what the same transaction writes is already not for them', async ({
  chat,
  enter,
}) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await createPrivate(ada, 'surprise')
  await ada.send('Hello Ben')
  await invite(ada, 'Ben')
  const toBen = await listenTo(ben.page)
  await ben.open('surprise')
  await expect(ben.message('Hello Ben')).toBeVisible()

  for (const round of [1, 2, 3, 4, 5]) await chat.write('Ada', 'surprise', `With him ${round}`)
  await chat.sql.query('begin')
  await chat.sql.query(`delete from membership where user_id = (select id from chat_user where name = 'Ben')`)
  await chat.write('Ada', 'surprise', 'Is he gone?')
  await chat.sql.query('commit')
  for (const round of [1, 2, 3, 4, 5]) await chat.write('Ada', 'surprise', `After him ${round}`)
  await expect(ada.message('After him 5')).toBeVisible()
  await expect(ben.page.getByText('You are no longer in #surprise')).toBeVisible()

  // A public channel that becomes private takes itself from who is not in it, and comes back as it is.
  await ben.goto('#/c/how-it-works')
  await ben.isLive()
  await chat.sql.query(`
    update channel set is_private = true where name = 'general';
    delete from membership where channel_id = (select id from channel where name = 'general')`)
  await expect(ben.channel('general')).toHaveCount(0)
  await chat.write('Welcome', 'general', 'Is he still there?')
  await chat.write('Welcome', 'how-it-works', 'Still public')
  await expect(ben.message('Still public')).toBeVisible()
  expect(toBen.has('Is he gone?')).toBe(false)
  expect(toBen.has('After him')).toBe(false)
  expect(toBen.has('Is he still there?')).toBe(false)
  await chat.sql.query(`update channel set is_private = false where name = 'general'`)
  await ben.open('general')
  await expect(ben.message('Is he still there?')).toBeVisible()
})

test('who leaves is out at once, and an owner who leaves hands the channel on', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await createPrivate(ada, 'surprise')
  await invite(ada, 'Ben')
  await ben.open('surprise')
  await ada.page.getByRole('button', { name: 'Members: 2' }).click()
  await ada.page.getByRole('button', { name: 'Leave channel' }).click()
  await ada.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
  await expect(ada.page.getByText('You are no longer in #surprise')).toBeVisible()
  await expect(ada.channel('surprise')).toHaveCount(0)

  await expect(ben.page.getByRole('button', { name: 'Invite people' })).toBeVisible()
  await ben.page.getByRole('button', { name: 'Members: 1' }).click()
  await ben.page.getByRole('button', { name: 'Leave channel' }).click()
  await expect(ben.page.getByRole('dialog')).toContainText('You are the last one here')
  await ben.page.keyboard.press('Escape')
  await expect(ben.composer).toBeVisible()
})

test('a private channel may have the name of another, and each has its own address', async ({ enter }) => {
  const ada = await enter('Ada')
  await createPrivate(ada, 'general')
  await ada.send('Only for me')
  await expect(ada.bodies).toHaveText(['Only for me'])
  await ada.goto('#/c/general')
  await expect(ada.message('Only for me')).toHaveCount(0)
  await ada.page.goBack()
  await expect(ada.message('Only for me')).toBeVisible()
})
