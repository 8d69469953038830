import { expect, test } from 'vitest'
import { plantedBugs } from './bugs.ts'
import { edited } from '../../test/edited-source.ts'

test.each(plantedBugs)('$name: it can be planted in the source as it is', async ({ edits }) => {
  for (const edit of edits) expect(await edited(edit)).toContain(edit.replace)
})
