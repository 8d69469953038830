import { expect, test } from './test.ts'

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

test('on a phone the channels are in a drawer that closes when one is chosen', async ({ enter }) => {
  const ada = await enter('Ada', phone)
  const menu = ada.page.getByRole('button', { name: 'Open the channels' })
  const drawer = ada.page.getByRole('dialog', { name: 'Channels' })
  await expect(drawer).toBeHidden()
  await expect(ada.channel('how-it-works')).toBeHidden()

  await menu.tap()
  await ada.channel('how-it-works').tap()
  await expect(drawer).toBeHidden()
  await expect(ada.page.getByRole('heading', { level: 1, name: 'how-it-works' })).toBeVisible()

  await menu.tap()
  await expect(drawer).toBeVisible()
  await ada.page.keyboard.press('Escape')
  await expect(drawer).toBeHidden()
  await expect(menu).toBeFocused()
})

test('on a phone nothing is wider than the screen, and own messages can be changed without a mouse', async ({
  enter,
}) => {
  const ada = await enter('Ada', phone)
  await ada.composer.fill(`A long word: ${'x'.repeat(200)}`)
  await ada.page.getByRole('button', { name: 'Send' }).tap()
  const message = ada.page.locator('.message').filter({ hasText: 'A long word' })
  await expect(message).toBeVisible()
  expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
  await message.tap()
  await message.getByRole('button', { name: 'Delete message' }).tap()
  await ada.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).tap()
  await expect(message).toBeHidden()
})

test('on a phone the members slide in from the side', async ({ enter }) => {
  const ada = await enter('Ada', phone)
  await ada.page.getByRole('button', { name: 'Members: 2' }).tap()
  const drawer = ada.page.getByRole('dialog', { name: 'Members' })
  await expect(drawer.getByText('Ada')).toBeVisible()
  await drawer.getByRole('button', { name: 'Close the members' }).tap()
  await expect(drawer).toBeHidden()
})

test('on a phone Escape closes what is on top, and what is below stays', async ({ enter }) => {
  const ada = await enter('Ada', phone)
  await ada.page.getByRole('button', { name: 'Open the channels' }).tap()
  await ada.page.getByRole('button', { name: 'Create a channel' }).tap()
  const create = ada.page.getByRole('dialog', { name: 'Create a channel' })
  await expect(create).toBeVisible()
  await ada.page.keyboard.press('Escape')
  await expect(create).toBeHidden()
  await expect(ada.page.getByRole('dialog', { name: 'Channels' })).toBeVisible()
  await expect(ada.page.getByRole('button', { name: 'Create a channel' })).toBeFocused()
})
