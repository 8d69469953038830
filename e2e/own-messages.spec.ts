import { expect, test } from './test.ts'

test('one edits one’s own message, and everybody sees the new words', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await ada.send('Tee at four')
  await ada.message('Tee at four').hover()
  await ada.message('Tee at four').getByRole('button', { name: 'Edit message' }).click()
  const editor = ada.page.getByRole('textbox', { name: 'Edit message' })
  await expect(editor).toBeFocused()
  await editor.fill('Tea at four')
  await editor.press('Enter')
  await expect(ben.message('Tea at four')).toContainText('(edited)')
  await expect(ada.message('Tea at four')).toContainText('(edited)')
  await expect(editor).toBeHidden()
})

test('arrow up in an empty field edits the last message, Escape leaves it as it was', async ({ enter }) => {
  const ada = await enter('Ada')
  await ada.send('Keep me')
  await expect(ada.message('Keep me')).toBeVisible()
  await ada.composer.press('ArrowUp')
  const editor = ada.page.getByRole('textbox', { name: 'Edit message' })
  await editor.fill('Change me')
  await editor.press('Escape')
  await expect(ada.message('Keep me')).toBeVisible()
  await expect(ada.composer).toBeFocused()
})

test('one deletes one’s own message after being asked', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await ada.send('Forget this')
  await expect(ben.message('Forget this')).toBeVisible()
  const remove = ada.message('Forget this').getByRole('button', { name: 'Delete message' })
  await ada.message('Forget this').hover()
  await remove.click()
  await ada.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await expect(ada.message('Forget this')).toBeVisible()
  await expect(remove).toBeFocused()

  await remove.click()
  await ada.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(ben.message('Forget this')).toBeHidden()
  await expect(ada.message('Forget this')).toBeHidden()
})

test('nobody changes somebody else’s message', async ({ enter }) => {
  const [ada, ben] = [await enter('Ada'), await enter('Ben')]
  await ada.send('Mine')
  await ben.message('Mine').hover()
  await expect(ben.message('Mine').getByRole('button')).toHaveCount(0)

  const id = Number(await ben.message('Mine').getAttribute('data-message'))
  expect(await ben.call('PATCH', `/api/messages/${id}`, { body: 'Yours' })).toMatchObject({
    status: 403,
    code: 'not_yours',
  })
  expect(await ben.call('DELETE', `/api/messages/${id}`)).toMatchObject({ status: 403, code: 'not_yours' })
  await expect(ben.message('Mine')).toBeVisible()
})

test('Shift and Enter make a new line, and a text that is too long is not sent but explained', async ({
  enter,
}) => {
  const ada = await enter('Ada')
  await ada.composer.pressSequentially('one')
  await ada.composer.press('Shift+Enter')
  await ada.composer.pressSequentially('two')
  await ada.composer.press('Enter')
  await expect(ada.bodies.last()).toHaveText('one\ntwo')

  await ada.send('x'.repeat(4001))
  await expect(ada.page.getByText('1 character too long. Please shorten it.')).toBeVisible()
  await expect(ada.page.getByRole('button', { name: 'Send' })).toBeDisabled()
  await ada.send('x'.repeat(4000))
  await expect(ada.bodies.last()).toHaveText('x'.repeat(4000))
})

test('C-36 a message is answered with a status: why it was refused, and then nobody receives it', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  const { rows } = await chat.sql.query<{ id: number; name: string }>('select id, name from channel')
  const idOf = (name: string) => rows.find((row) => row.name === name)?.id
  const send = (channelId: unknown, body: unknown) => ada.call('POST', '/api/messages', { channelId, body })
  const countMessages = async () =>
    (await chat.sql.query<{ count: number }>('select count(*)::integer as count from message')).rows[0]
      ?.count ?? 0
  const before = await countMessages()

  expect(await send(idOf('general'), ' \n ')).toMatchObject({ status: 400, code: 'invalid_request' })
  expect(await send(idOf('general'), 'x'.repeat(4001))).toMatchObject({
    status: 400,
    code: 'invalid_request',
  })
  expect(await send(idOf('general'), 'x'.repeat(100_000))).toMatchObject({ status: 413, code: 'too_large' })
  expect(await send(2_000_000, 'hello')).toMatchObject({ status: 404, code: 'channel_not_found' })
  expect(await send('general', 'hello')).toMatchObject({ status: 400, code: 'invalid_request' })
  expect(await send(idOf('how-it-works'), 'hello')).toMatchObject({ status: 403, code: 'not_a_member' })
  expect(await countMessages()).toBe(before)

  expect(await send(idOf('general'), 'hello')).toMatchObject({ status: 200 })
  await expect(ada.message('hello')).toHaveCount(1)
})
