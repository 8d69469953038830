import { expect, test } from './test.ts'

test('a channel that one person creates is in everybody’s list, and empty ones say so', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await ada.page.getByRole('button', { name: 'Create a channel' }).click()
  const dialog = ada.page.getByRole('dialog', { name: 'Create a channel' })
  await dialog.getByLabel('Name').fill('Team Lunch')
  await expect(dialog.getByText('It will be called #team-lunch')).toBeVisible()
  await dialog.getByLabel('Topic').fill('Where and when')
  await dialog.getByRole('button', { name: 'Create' }).click()

  await expect(ada.page.getByRole('heading', { level: 1, name: 'team-lunch' })).toBeVisible()
  await expect(ada.page.getByText('This is where #team-lunch begins.')).toBeVisible()
  await ben.open('team-lunch')
  await expect(ben.page.getByText('Where and when').first()).toBeVisible()
})

test('a channel’s name can be taken once', async ({ enter }) => {
  const ada = await enter('Ada')
  await ada.page.getByRole('button', { name: 'Create a channel' }).click()
  const dialog = ada.page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('general')
  await dialog.getByLabel('Name').press('Enter')
  await expect(dialog.getByRole('alert')).toHaveText('There is a channel #general already.')
  await ada.page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
})

test('unread messages are counted per channel, until they are read, in every tab', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  await ada.open('how-it-works')
  await ada.open('general')
  await expect(ada.channel('how-it-works')).not.toContainText('unread')

  await chat.write('Welcome', 'how-it-works', 'one', 'two')
  await expect(ada.channel('how-it-works')).toContainText('2 unread')

  const secondTab = await ada.anotherTab('#/c/general')
  await expect(secondTab.channel('how-it-works')).toContainText('2 unread')

  await ada.open('how-it-works')
  await expect(ada.page.locator('.unread-line')).toBeVisible()
  await expect(secondTab.channel('how-it-works')).not.toContainText('unread')
  await ada.open('general')
  await expect(ada.channel('how-it-works')).not.toContainText('unread')

  // The mark is in the database, so it is there after a reload too.
  await ada.page.reload()
  await ada.isLive()
  await chat.write('Welcome', 'how-it-works', 'three')
  await expect(ada.channel('how-it-works')).toContainText('1 unread')
})

test('whoever comes back to much begins at the first that they have not read', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await ada.open('how-it-works')
  await ada.open('general')
  await chat.write(
    'Welcome',
    'how-it-works',
    ...Array.from({ length: 40 }, (_, index) => `news ${index + 1}`),
  )
  await expect(ada.channel('how-it-works')).toContainText('40 unread')

  await ada.open('how-it-works')
  await expect(ada.page.locator('.unread-line')).toBeInViewport()
  await expect(ada.message('news 1')).toBeInViewport()
  await ada.page.getByRole('button', { name: '40 new messages' }).click()
  await expect(ada.message('news 40')).toBeInViewport()
  await ada.open('general')
  await expect(ada.channel('how-it-works')).not.toContainText('unread')
})

test('what one writes oneself is never unread', async ({ enter }) => {
  const ada = await enter('Ada')
  const secondTab = await ada.anotherTab('#/c/how-it-works')
  await secondTab.send('From my other tab')
  await expect(secondTab.message('From my other tab')).toBeVisible()
  const ben = await enter('Ben')
  await ben.send('Hello')
  await expect(ada.message('Hello')).toBeVisible()
  await expect(ada.channel('how-it-works')).not.toContainText('unread')
})

test('opening a channel makes one a member, for all to see', async ({ enter }) => {
  const ada = await enter('Ada')
  await ada.page.getByRole('button', { name: 'Members: 2' }).click()
  const members = ada.page.getByRole('complementary', { name: 'Members' })
  await expect(members.getByRole('listitem')).toHaveText([/Ada/, /Welcome/])

  await enter('Ben')
  await expect(members.getByRole('listitem')).toHaveText([/Ada/, /Ben/, /Welcome/])
  await expect(ada.page.getByRole('button', { name: 'Members: 3' })).toBeVisible()
})

test('a link to a channel that does not exist says so and leads on', async ({ enter }) => {
  const ada = await enter('Ada')
  await ada.goto('#/c/nowhere')
  await expect(ada.page.getByText('There is no channel #nowhere')).toBeVisible()
  await ada.page.getByRole('link', { name: 'Go to #general' }).click()
  await ada.isLive()
})
