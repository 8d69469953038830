import { expect, test } from './test.ts'

test('E-9 inserted rows are green, deleted rows red, changed cells yellow, in one table', async ({
  chat,
  enter,
}) => {
  const ada = await enter('Ada')
  const ids = await chat.write('Welcome', 'general', 'to change', 'to delete')
  await expect(ada.message('to delete')).toBeVisible()
  await ada.page.getByRole('link', { name: 'Table changes' }).click()
  const table = ada.page.getByRole('table', { name: 'public.message' })
  const row = (text: string) => table.getByRole('row').filter({ hasText: text })
  await expect(row('to change')).toBeVisible()
  await expect(ada.page.getByRole('list', { name: 'Changes' })).toHaveText(/0 inserted.*0 deleted.*0 changed/)

  await chat.sql.query(`update message set body = 'was changed' where id = $1`, [ids[0]])
  await chat.sql.query('delete from message where id = $1', [ids[1]])
  await chat.write('Welcome', 'general', 'brand new')

  await expect(row('brand new')).toHaveClass('diff-inserted')
  await expect(row('brand new').getByRole('cell', { name: 'brand new' })).toHaveCSS(
    'background-color',
    'rgb(220, 243, 226)',
  )
  await expect(row('to delete')).toHaveClass('diff-deleted')
  await expect(row('to delete').locator('del').first()).toHaveCSS('text-decoration-line', 'line-through')
  await expect(row('to delete').getByRole('cell', { name: 'to delete' })).toHaveCSS(
    'background-color',
    'rgb(251, 224, 221)',
  )

  const changed = row('was changed').locator('.diff-cell-changed')
  await expect(changed).toHaveCount(1)
  await expect(changed.locator('del')).toHaveText('to change')
  await expect(changed.locator('ins')).toHaveText('was changed')
  await expect(changed).toHaveCSS('background-color', 'rgb(255, 241, 184)')
  await expect(ada.page.getByRole('list', { name: 'Changes' })).toHaveText(/1 inserted.*1 deleted.*1 changed/)

  await ada.page.getByRole('button', { name: 'Mark now' }).click()
  await expect(row('to delete')).toHaveCount(0)
  await expect(ada.page.getByRole('list', { name: 'Changes' })).toHaveText(/0 inserted.*0 deleted.*0 changed/)
})

test('any tracked table can be chosen, also one that the app does not know', async ({ chat, enter }) => {
  const ada = await enter('Ada')
  await chat.sql.query(`
    create table public.person (id integer primary key, name text, score numeric);
    create table public.secret (id integer primary key, word text);
    select event.track('public.person'), event.track('public.secret');
    grant select on public.person to chat_reader;
    insert into public.person values (1, 'one', 16);
  `)
  await ada.goto('#/diff')
  await ada.page.reload()
  const choice = ada.page.getByRole('combobox', { name: 'Table' })
  await expect(choice.getByRole('option')).toHaveText([
    'channel',
    'channel_member',
    'chat_user',
    'membership',
    'message',
    'person',
  ])
  await choice.selectOption('person')
  await expect(ada.page.getByRole('cell', { name: '16' })).toBeVisible()
  await chat.sql.query('update public.person set score = score + 3')
  await expect(ada.page.locator('.diff-cell-changed ins')).toHaveText('19')
  await chat.sql.query('truncate public.person')
  await expect(ada.page.locator('tr.diff-deleted')).toHaveCount(1)
})
