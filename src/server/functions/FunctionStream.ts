/**
 * The result of a function as a stream of events: a `Stream`, a synchronous or asynchronous iterator, an array, or a
 * single value.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isIterable, isIterator, iteratorOf, noIterator, stepOf } from "./shared/iterators.ts"

const isStream = (u: unknown): u is Stream.Stream<unknown, unknown> => Stream.isStream(u)

/** Whether a result is a stream or an iterator, and not a value. */
export const isStreaming = (result: unknown): boolean => isStream(result) || isIterable(result)

/** A result as a stream. `step` runs a step of an iterator, `thrown` converts its exceptions to errors. */
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
      if (!isIterator(iterator)) return Stream.fail(thrown(noIterator))
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
        // ending the stream stops the function
        Stream.ensuring(
          Effect.suspend(() =>
            ended || iterator.return === undefined ? Effect.void : Effect.ignore(step(() => iterator.return?.()))
          )
        )
      )
    })
  )
}
