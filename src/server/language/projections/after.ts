/** What a projection of `find` does to a document whose fields are chosen: parts of arrays, and the order of `_id`. */
import type { Frame } from "../Expression.ts"
import { make } from "../budget.ts"
import { failed } from "../LanguageError.ts"
import { fieldOf } from "../paths.ts"
import { define, type Document, isDocument, withField } from "../Value.ts"

/** Changes a projected document; the one that was found is given too. */
export type Post = (projected: Document, document: Document, frame: Frame) => Document

/** A number of elements: from the end where the limit is negative and nothing is skipped. */
export interface Slice {
  readonly skip: number | undefined
  readonly limit: number
}

const slice = (values: ReadonlyArray<unknown>, { limit, skip }: Slice): ReadonlyArray<unknown> => {
  make(Math.min(values.length, Math.abs(limit)))
  if (skip === undefined) return limit < 0 ? values.slice(limit) : values.slice(0, limit)
  const start = skip < 0 ? Math.max(0, values.length + skip) : skip
  return values.slice(start, start + limit)
}

/** Takes a part of the arrays at a path. */
export const sliced = (parts: ReadonlyArray<string>, part: Slice): Post => {
  const [name = "", ...rest] = parts
  const within = rest.length === 0 ? undefined : sliced(rest, part)
  const inner = (value: unknown, document: Document, frame: Frame): unknown =>
    isDocument(value) && within !== undefined ? within(value, document, frame) : value
  return (projected, document, frame) => {
    const value = fieldOf(projected, name)
    if (Array.isArray(value)) {
      const made = within === undefined ? slice(value, part) : value.map((item) => inner(item, document, frame))
      return withField(projected, name, made)
    }
    return within !== undefined && isDocument(value)
      ? withField(projected, name, within(value, document, frame))
      : projected
  }
}

/** Leaves one element in the first array on a path. */
export const positional = (
  parts: ReadonlyArray<string>,
  indexOf: (document: Document, frame: Frame) => number
): Post => {
  const [name = "", ...rest] = parts
  const within = rest.length === 0 ? undefined : positional(rest, indexOf)
  return (projected, document, frame) => {
    const value = fieldOf(projected, name)
    if (Array.isArray(value)) {
      const index = indexOf(document, frame)
      if (index >= value.length) failed(`the positional '$' means another array than '${name}'`, 51247)
      return withField(projected, name, [value[index]])
    }
    return within !== undefined && isDocument(value)
      ? withField(projected, name, within(value, document, frame))
      : projected
  }
}

/** A document with its `_id` in front of all other fields. */
export const idFirst = (document: Document): Document => {
  if (!Object.hasOwn(document, "_id")) return document
  for (const name in document) {
    if (name === "_id") return document
    break
  }
  make()
  const out: Document = { _id: document["_id"] }
  for (const name of Object.keys(document)) if (name !== "_id") define(out, name, document[name])
  return out
}
