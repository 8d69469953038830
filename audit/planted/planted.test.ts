import { expect, test } from 'vitest'
import { edited } from '../../test/edited-source.ts'
import { plantedLeaks } from './leaks.ts'

test.each(plantedLeaks)('$name: it can be planted in the source as it is', async ({ edits }) => {
  for (const edit of edits) expect(await edited(edit)).toContain(edit.replace)
})
