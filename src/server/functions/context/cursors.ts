/** Cursors of functions: results that are fetched when they are read, or when a function returns them. */

/** The cursors of the realm, by what fetches their documents. */
const fetches = new WeakMap<object, () => PromiseLike<unknown>>()
let isUsed = false

/** A cursor, read by `toArray`, `next` or `for await`. Awaiting it changes nothing, as in the original service. */
export const cursor = (fetch: () => PromiseLike<unknown>, more: object = {}): object => {
  isUsed = true
  let fetched: PromiseLike<ReadonlyArray<unknown>> | undefined
  let position = 0
  const all = () => (fetched ??= fetch().then((found) => (Array.isArray(found) ? found : [])))
  const next = () => all().then((found) => (position < found.length ? found[position++] : undefined))
  const self: object = {
    ...more,
    toArray: fetch,
    next,
    hasNext: () => all().then((found) => position < found.length),
    forEach: (each: (document: unknown) => void) => all().then((found) => found.forEach((it) => each(it))),
    close: () => Promise.resolve(),
    [Symbol.asyncIterator]: () => ({
      next: () =>
        all().then((found) =>
          position < found.length ? { done: false, value: found[position++] } : { done: true, value: undefined }
        )
    })
  }
  fetches.set(self, fetch)
  return self
}

const isObject = (u: unknown): u is object => typeof u === "object" && u !== null

/** Whether a value may hold cursors: an array or a plain object. */
const isContainer = (value: object): boolean => {
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The cursors in a value. */
const cursorsIn = (value: unknown, found: Set<object>, seen: Set<object>): void => {
  if (!isObject(value) || seen.has(value)) return
  seen.add(value)
  if (fetches.has(value)) found.add(value)
  else if (isContainer(value)) for (const inner of Object.values(value)) cursorsIn(inner, found, seen)
}

/** Replaces cursors by their documents, in copies of what holds them. */
const replaced = (value: unknown, documents: ReadonlyMap<object, unknown>, copies: Map<object, object>): unknown => {
  if (!isObject(value)) return value
  if (documents.has(value)) return documents.get(value)
  const known = copies.get(value)
  if (known !== undefined || !isContainer(value)) return known ?? value
  const copy: Record<string, unknown> | Array<unknown> = Array.isArray(value) ? [] : {}
  copies.set(value, copy)
  for (const [key, inner] of Object.entries(value)) Reflect.set(copy, key, replaced(inner, documents, copies))
  return copy
}

/** A result with the documents of the cursors in it, at any depth. */
export const fetched = (result: unknown): unknown => {
  if (!isUsed || !isObject(result)) return result
  const cursors = new Set<object>()
  cursorsIn(result, cursors, new Set())
  if (cursors.size === 0) return result
  return Promise.all([...cursors].map(async (it) => [it, await fetches.get(it)?.()] as const)).then((pairs) =>
    replaced(result, new Map(pairs), new Map())
  )
}
