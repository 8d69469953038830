import type { Value } from './change.ts'
import { RowcastError } from './errors.ts'

/**
 * Names for what can change, each with one canonical text: `public.person`, `public.person.name`,
 * `public.person.3`, `public.person.3.name`. The functions of SQL's schema `meta` write the same text.
 *
 * A part stands as it is if it is a lower-case word or, as a value, a whole number, `true` or `false`. Any other
 * name or text is in double quotes, so that 3 and `"3"` differ; any other JSON is in single quotes.
 */
export interface RelationId {
  readonly schema: string
  readonly relation: string
}

export interface ColumnId extends RelationId {
  readonly column: string
}

/** `key` holds the values of the primary key in its order, encoded as in changes. */
export interface RowId extends RelationId {
  readonly key: readonly Value[]
}

export interface FieldId extends RowId {
  readonly column: string
}

export function formatRelationId({ schema, relation }: RelationId): string {
  return `${escapeName(schema)}.${escapeName(relation)}`
}

export function formatColumnId(id: ColumnId): string {
  return `${formatRelationId(id)}.${escapeName(id.column)}`
}

/** @throws {RowcastError} `invalid_identifier` when the key is empty or holds a null. */
export function formatRowId(id: RowId): string {
  if (id.key.length === 0 || id.key.includes(null))
    throw new RowcastError('invalid_identifier', `not a key: ${JSON.stringify(id.key)}`)
  return [formatRelationId(id), ...id.key.map(escapeValue)].join('.')
}

/** @throws {RowcastError} `invalid_identifier` when the key is empty or holds a null. */
export function formatFieldId(id: FieldId): string {
  return `${formatRowId(id)}.${escapeName(id.column)}`
}

/** @throws {RowcastError} `invalid_identifier`. Quotes that are not needed are allowed. */
export function parseRelationId(text: string): RelationId {
  const [schema, relation, ...rest] = split(text, 'relation').map(parseName)
  if (schema === undefined || relation === undefined || rest.length > 0) throw invalid('relation', text)
  return { schema, relation }
}

/** @throws {RowcastError} `invalid_identifier`. Quotes that are not needed are allowed. */
export function parseColumnId(text: string): ColumnId {
  const [schema, relation, column, ...rest] = split(text, 'column').map(parseName)
  if (schema === undefined || relation === undefined || column === undefined || rest.length > 0)
    throw invalid('column', text)
  return { schema, relation, column }
}

/** @throws {RowcastError} `invalid_identifier`. Quotes that are not needed are allowed. */
export function parseRowId(text: string): RowId {
  return rowIdOf(split(text, 'row'), 'row', text)
}

/** @throws {RowcastError} `invalid_identifier`. Quotes that are not needed are allowed. */
export function parseFieldId(text: string): FieldId {
  const parts = split(text, 'field')
  const column = parseName(parts.pop() ?? '')
  if (column === undefined) throw invalid('field', text)
  return { ...rowIdOf(parts, 'field', text), column }
}

function rowIdOf(parts: string[], kind: string, text: string): RowId {
  const [schema, relation] = parts.slice(0, 2).map(parseName)
  const key = parts.slice(2).map(parseValue)
  if (
    schema === undefined ||
    relation === undefined ||
    key.length === 0 ||
    !key.every((value) => value !== undefined)
  )
    throw invalid(kind, text)
  return { schema, relation, key }
}

// ---- one part ----

const word = /^[a-z_][a-z0-9_]*$/
const part = /"(?:[^"]|"")*"|'(?:[^']|'')*'|-?[0-9]+|[a-z_][a-z0-9_]*/y

function escapeName(name: string): string {
  return word.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function escapeValue(value: Value): string {
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return /^(?:true|false|null)$/.test(value) ? `"${value}"` : escapeName(value)
  const json = jsonText(value)
  return /^-?[0-9]+$/.test(json) ? json : `'${json.replaceAll("'", "''")}'`
}

function split(text: string, kind: string): string[] {
  const parts: string[] = []
  let end = -1
  do {
    part.lastIndex = end + 1
    const found = part.exec(text)?.[0]
    if (found === undefined) throw invalid(kind, text)
    parts.push(found)
    end += 1 + found.length
  } while (text[end] === '.')
  if (end < text.length) throw invalid(kind, text)
  return parts
}

function parseName(text: string): string | undefined {
  if (text.startsWith('"')) return text.slice(1, -1).replaceAll('""', '"')
  return word.test(text) ? text : undefined
}

function parseValue(text: string): Value | undefined {
  if (text === 'null') return undefined
  if (!/^(?:['0-9-]|true$|false$)/.test(text)) return parseName(text)
  try {
    const value = JSON.parse(text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text) as Value
    return escapeValue(value) === text ? value : undefined
  } catch {
    return undefined
  }
}

/** Compact, members in the order of their names' code points: SQL's `meta.json_text`. */
function jsonText(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).sort(([a], [b]) => compareCodePoints(a, b))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonText(member)}`).join(',')}}`
}

/** JavaScript compares UTF-16 units, which puts astral characters before U+E000. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (const [i, character] of left.entries()) {
    const difference = (character.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? -1)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function invalid(kind: string, text: string): RowcastError {
  return new RowcastError('invalid_identifier', `not a ${kind} id: ${text}`)
}
