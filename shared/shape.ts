import { RowcastError } from './errors.ts'

/**
 * What an input must be. It answers with what is wrong, to follow the name of the whole, as in `.rows[0] must be a pair`, and with
 * nothing if all is right.
 *
 * Our own and not a library's, since a page loads it, and has it look at every row that comes.
 */
export type Shape<T> = ((input: unknown) => string | undefined) & {
  /** For types only. */
  readonly type?: T
}

/**
 * The input, which is what it must be.
 *
 * @throws {RowcastError} `invalid_message`, which says where it is not
 */
export function parseAs<T>(of: Shape<T>, input: unknown, name: string): T {
  const fault = of(input)
  if (fault !== undefined) throw new RowcastError('invalid_message', name + fault)
  return input as T
}

/** @param what completes `must be …` */
export function shape<T>(isRight: (input: unknown) => boolean, what: string): Shape<T> {
  return (input) => (isRight(input) ? undefined : ` must be ${what}`)
}

export const text = shape<string>((input) => typeof input === 'string', 'a text')
export const number = shape<number>((input) => typeof input === 'number', 'a number')
export const boolean = shape<boolean>((input) => typeof input === 'boolean', 'true or false')

export function oneOf<const T>(...values: readonly T[]): Shape<T> {
  return shape((input) => values.includes(input as T), values.join(' or '))
}

export function optional<T>(of: Shape<T>): Shape<T> {
  return (input) => (input === undefined ? undefined : of(input))
}

export function orNull<T>(of: Shape<T>): Shape<T | null> {
  return (input) => (input === null ? undefined : of(input))
}

/** The length is looked at first. */
export function listOf<T>(of: Shape<T>, min = 0, max = Infinity): Shape<T[]> {
  return (input) => {
    if (!Array.isArray(input)) return ' must be a list'
    if (input.length < min || input.length > max) return ` must have ${min} to ${max} items`
    for (let i = 0; i < input.length; i++) {
      const fault = of(input[i])
      if (fault !== undefined) return `[${i}]${fault}`
    }
    return undefined
  }
}

export function pairOf<A, B>(first: Shape<A>, second: Shape<B>): Shape<[A, B]> {
  return (input) =>
    Array.isArray(input) && input.length === 2 ? (first(input[0]) ?? second(input[1])) : ' must be a pair'
}

/** An object with these properties. What else it has is not looked at. */
export function objectOf<T>(properties: { readonly [P in keyof T]-?: Shape<T[P]> }): Shape<T> {
  const entries = Object.entries<Shape<unknown>>(properties)
  return (input) => {
    if (!isObject(input)) return ' must be an object'
    for (const [name, of] of entries) {
      const fault = of(input[name])
      if (fault !== undefined) return `.${name}${fault}`
    }
    return undefined
  }
}

/** An object with these properties and no others. */
export function exactlyOf<T>(properties: { readonly [P in keyof T]-?: Shape<T[P]> }): Shape<T> {
  const of = objectOf<T>(properties)
  return (input) => {
    const fault = of(input)
    if (fault !== undefined) return fault
    const other = Object.keys(input as object).find((name) => !Object.hasOwn(properties, name))
    return other === undefined ? undefined : `.${other} is unknown here`
  }
}

/** Of the property by which `kindOf` tells a kind: it has looked at it already. */
export const told: Shape<never> = () => undefined

/** One of several kinds of object, told by what this property says. */
export function kindOf<T>(property: keyof T & string, kinds: Readonly<Record<string, Shape<T>>>): Shape<T> {
  return (input) => {
    const kind = isObject(input) ? String(input[property]) : ''
    return Object.hasOwn(kinds, kind)
      ? kinds[kind]?.(input)
      : `.${property} must be ${Object.keys(kinds).join(' or ')}`
  }
}

export function isObject(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}
