import { isPlain } from "../../protocol/internal/ejson.ts"

/**
 * An argument of a function or a service as `realm-web` sends it: its own fields that are `undefined` are left out, those
 * further down are `null`. Left out, they would have a filter such as `{ owner: undefined }` match every document.
 *
 * @internal
 */
export const argument = (value: unknown): unknown =>
  isRecord(value)
    ? Object.fromEntries(
        Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[name, nulls(inner)]]))
      )
    : nulls(value)

/**
 * The value with `null` in the place of `undefined`, at any depth.
 *
 * @internal
 */
export const nulls = (value: unknown): unknown => {
  if (value === undefined) return null
  if (Array.isArray(value)) return value.map(nulls)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, nulls(inner)]))
    : value
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && isPlain(value)
