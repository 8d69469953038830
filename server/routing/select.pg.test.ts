import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { readRelation } from './catalogue.ts'
import { asQuery, selectByKey, selectByKeys } from './select.ts'

/** As an extension makes one: it can be cast to text, but only its own equality is what its index knows. */
const ownType = `
  create type word;
  create function word_in(cstring) returns word language internal immutable strict as 'textin';
  create function word_out(word) returns cstring language internal immutable strict as 'textout';
  create type word (input = word_in, output = word_out, like = text, collatable = true);
  create cast (word as text) without function as implicit;
  ${[
    ['<', 'lt'],
    ['<=', 'le'],
    ['=', 'eq'],
    ['>=', 'ge'],
    ['>', 'gt'],
  ]
    .map(
      ([operator, name]) => `
        create function word_${name}(word, word) returns boolean language internal immutable strict as '${name === 'eq' ? 'texteq' : `text_${name}`}';
        create operator ${operator} (leftarg = word, rightarg = word, function = word_${name});`,
    )
    .join('')}
  create function word_cmp(word, word) returns int language internal immutable strict as 'bttextcmp';
  create operator class word_ops default for type word using btree as
    operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 word_cmp(word, word);`

test('a row is found by its key in the index, also where equality is not PostgreSQL’s own', async () => {
  await using database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(`${ownType}
    create table item (name word collate "C" primary key); insert into item select n::text::word from generate_series(1, 5000) as n;
    select event.track('item'); analyze item`)
  const pool = createEncodingPool(database.url, 1)
  try {
    const { rows } = await pool.query('select current_user as role')
    const relation = await readRelation(pool, 'item', null, { role: rows[0].role, claims: {} })
    for (const select of [
      selectByKeys(relation, null, 't.name', ['["7"]']),
      selectByKey(relation, 't.name', '["7"]'),
    ]) {
      const query = asQuery(select)
      expect((await pool.query(query)).rows).toEqual([{ name: '7' }])
      const plan = await pool.query({ ...query, text: `explain ${query.text}` })
      expect(JSON.stringify(plan.rows)).toContain('item_pkey')
    }
  } finally {
    await pool.end()
  }
})
