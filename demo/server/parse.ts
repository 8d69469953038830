import * as v from 'valibot'
import { ApiError } from './api-error.ts'

/** @throws {ApiError} `invalid_request` with the first thing that is wrong, in words for the person who typed it. */
export function parse<const S extends v.GenericSchema>(schema: S, input: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (!result.success) throw new ApiError(400, 'invalid_request', result.issues[0].message)
  return result.output
}

/** An id of the database's `integer`. */
export const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2_147_483_647))
