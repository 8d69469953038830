import type { Sight } from './sight.ts'

/** Sights of one relation, each once, that are asked time and again: they are indexed once. */
export class Sights {
  readonly all: readonly Sight[]
  readonly #indexes = new Map<string, ReadonlyMap<string, readonly Sight[]>>()
  readonly #texts = new Map<number, string>()
  #valued: Sights | undefined
  #others: Sights | undefined

  constructor(all: readonly Sight[]) {
    this.all = all
  }

  /** Those of which the values of the claims are known. */
  get valued(): Sights {
    return (this.#valued ??= this.#only(({ values }) => values !== null))
  }

  /** Those of which all claims may matter. */
  get others(): Sights {
    return (this.#others ??= this.#only(({ values }) => values === null))
  }

  /** Those for which these claims have these values. None if one of them is null, for nothing equals null. */
  having(claims: readonly number[], values: readonly (string | null)[]): readonly Sight[] {
    if (values.includes(null)) return []
    return this.#indexBy(claims).get(JSON.stringify(values)) ?? []
  }

  /** Of each the value of a claim, as PostgreSQL writes an array of texts: node-postgres takes long for one of thousands. */
  textsOf(claim: number): string {
    let text = this.#texts.get(claim)
    if (text === undefined) {
      text = `{${this.all.map(({ values }) => elementOf(values?.[claim] ?? null)).join(',')}}`
      this.#texts.set(claim, text)
    }
    return text
  }

  #only(condition: (sight: Sight) => boolean): Sights {
    return this.all.every(condition) ? this : new Sights(this.all.filter(condition))
  }

  #indexBy(claims: readonly number[]): ReadonlyMap<string, readonly Sight[]> {
    const name = claims.join()
    const known = this.#indexes.get(name)
    if (known) return known
    const index = new Map<string, Sight[]>()
    for (const sight of this.all) {
      const value = JSON.stringify(claims.map((claim) => sight.values?.[claim] ?? null))
      const alike = index.get(value)
      if (alike) alike.push(sight)
      else index.set(value, [sight])
    }
    this.#indexes.set(name, index)
    return index
  }
}

function elementOf(value: string | null): string {
  return value === null ? 'null' : `"${value.replace(/[\\"]/g, '\\$&')}"`
}
