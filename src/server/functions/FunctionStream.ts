/**
 * What a function answers, as a stream of events: a `Stream`, an iterator that may be asynchronous, an array, or a
 * single value.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const isStream = (u: unknown): u is Stream.Stream<unknown, unknown> => Stream.isStream(u)

type AnyIterator = {
  readonly next: () => unknown
  readonly return?: () => unknown
}

const isIterator = (u: unknown): u is AnyIterator =>
  typeof u === "object" && u !== null && "next" in u && typeof u.next === "function"

const methodOf = (u: object, name: symbol): (() => unknown) | undefined => {
  const method: unknown = Reflect.get(u, name)
  return typeof method === "function" ? () => Reflect.apply(method, u, []) : undefined
}

const iteratorOf = (u: unknown): (() => unknown) | undefined => {
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

/**
 * Whether a result yields its values one after the other, so that it is no value itself.
 *
 * @category guards
 * @since 0.1.0
 */
export const isStreaming = (result: unknown): boolean =>
  isStream(result) || (!Array.isArray(result) && iteratorOf(result) !== undefined)

interface Step {
  readonly done: boolean
  readonly value: unknown
}

const stepOf = (u: unknown): Step =>
  typeof u === "object" && u !== null
    ? { done: "done" in u && u.done === true, value: "value" in u ? u.value : undefined }
    : { done: true, value: undefined }

/**
 * A result as a stream. `step` runs a step of an iterator, `thrown` makes an error of what one throws.
 *
 * @category converting
 * @since 0.1.0
 */
export const make = <E>(
  result: unknown,
  step: (run: () => unknown) => Effect.Effect<unknown, E>,
  thrown: (cause: unknown) => E
): Stream.Stream<unknown, E> => {
  if (isStream(result)) return Stream.mapError(result, thrown)
  const iterate = iteratorOf(result)
  if (iterate === undefined) return Stream.succeed(result)
  return Stream.unwrap(
    Effect.map(Effect.try({ try: iterate, catch: thrown }), (iterator) => {
      if (!isIterator(iterator)) return Stream.fail(thrown("the iterator of the function's result has no next()"))
      let ended = false
      return Stream.unfold(undefined, () =>
        Effect.map(
          step(() => iterator.next()),
          (answer): readonly [unknown, undefined] | undefined => {
            const { done, value } = stepOf(answer)
            ended = done
            return done ? undefined : [value, undefined]
          }
        )
      ).pipe(
        // whoever stops listening stops the function
        Stream.ensuring(
          Effect.suspend(() =>
            ended || iterator.return === undefined ? Effect.void : Effect.ignore(step(() => iterator.return?.()))
          )
        )
      )
    })
  )
}
