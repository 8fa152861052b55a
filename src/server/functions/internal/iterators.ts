/** Results that yield one value after the other. */

/** What steps through a result. */
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

/** What makes an iterator of an iterable that may be asynchronous, of an array, or of an iterator. */
export const iteratorOf = (u: unknown): (() => unknown) | undefined => {
  if (typeof u !== "object" || u === null) return undefined
  // what throws when it is looked at is no iterator, and who writes it down will see that it is no value either
  try {
    return "_bsontype" in u || ArrayBuffer.isView(u)
      ? undefined
      : (methodOf(u, Symbol.asyncIterator) ??
          (Array.isArray(u) || isIterator(u) ? methodOf(u, Symbol.iterator) : undefined))
  } catch {
    return undefined
  }
}

/** Whether a result yields its values one after the other, so that it is no value itself. */
export const isIterable = (u: unknown): boolean => !Array.isArray(u) && iteratorOf(u) !== undefined

/** What a step of an iterator came to. */
export interface Step {
  readonly done: boolean
  readonly value: unknown
}

export const stepOf = (u: unknown): Step =>
  typeof u === "object" && u !== null
    ? { done: "done" in u && u.done === true, value: "value" in u ? u.value : undefined }
    : { done: true, value: undefined }

/** What an iterable says that makes no iterator. */
export const noIterator = "the iterator of the function's result has no next()"
