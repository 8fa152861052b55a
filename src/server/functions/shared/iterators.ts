/** Results that are iterators. */

/** Steps through a result. */
export interface AnyIterator {
  readonly next: () => unknown
  readonly return?: () => unknown
}

export const isThenable = (u: unknown): u is PromiseLike<unknown> =>
  ((typeof u === "object" && u !== null) || typeof u === "function") && "then" in u && typeof u.then === "function"

export const isIterator = (u: unknown): u is AnyIterator =>
  typeof u === "object" && u !== null && "next" in u && typeof u.next === "function"

const methodOf = (u: object, name: symbol): (() => unknown) | undefined => {
  const method: unknown = Reflect.get(u, name)
  return typeof method === "function" ? () => Reflect.apply(method, u, []) : undefined
}

/** The iterator of a synchronous or asynchronous iterable, an array, or an iterator. */
export const iteratorOf = (u: unknown): (() => unknown) | undefined => {
  if (typeof u !== "object" || u === null) return undefined
  // a value that throws when it is inspected is not an iterator; encoding it will fail
  try {
    return "_bsontype" in u || ArrayBuffer.isView(u)
      ? undefined
      : (methodOf(u, Symbol.asyncIterator) ??
          (Array.isArray(u) || isIterator(u) ? methodOf(u, Symbol.iterator) : undefined))
  } catch {
    return undefined
  }
}

/** Whether a result is an iterator, and not a value. */
export const isIterable = (u: unknown): boolean => !Array.isArray(u) && iteratorOf(u) !== undefined

/** The result of an iterator's step. */
export interface Step {
  readonly done: boolean
  readonly value: unknown
}

export const stepOf = (u: unknown): Step =>
  typeof u === "object" && u !== null
    ? { done: "done" in u && u.done === true, value: "value" in u ? u.value : undefined }
    : { done: true, value: undefined }

/** The error of an iterable without an iterator. */
export const noIterator = "the iterator of the function's result has no next()"
