/**
 * The event streams that clients keep open: no more than so many, and all of them ended when the server stops.
 *
 * A stream has no end of its own and costs memory as long as it is open, so who opens them without end is refused.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { body, TooManyRequests } from "../model/ApiErrors.ts"

/** How many streams may be open at the same time. */
export interface Limits {
  /** 100 unless given. */
  readonly perUser?: number | undefined
  /** 5,000 unless given: each takes about 45 KB. */
  readonly total?: number | undefined
}

/** The shape of {@link OpenStreams}. */
export interface Service {
  /** Fails where another stream of a user would be one too many. */
  readonly room: (user: string) => Effect.Effect<void, TooManyRequests>
  /** A stream that counts from its begin to its end, and that ends when the server stops. */
  readonly counted: (user: string) => <A, E>(stream: Stream.Stream<A, E>) => Stream.Stream<A, E | TooManyRequests>
  /** Ends all streams, and each that begins later. */
  readonly end: Effect.Effect<void>
}

/** Counts the streams that are open. */
export class OpenStreams extends Context.Service<OpenStreams, Service>()("effect-app-services/server/api/OpenStreams") {
  static readonly make = Effect.fnUntraced(function* (perUser: number, total: number) {
    const ended = yield* Deferred.make<void>()
    const byUser = new Map<string, number>()
    let all = 0

    const room = (user: string): Effect.Effect<void, TooManyRequests> =>
      Effect.suspend(() => {
        if ((byUser.get(user) ?? 0) >= perUser) return Effect.fail(tooMany(`a user may have ${perUser} streams open`))
        return all >= total ? Effect.fail(tooMany(`the server has ${total} streams open`)) : Effect.void
      })

    const add = (user: string, n: 1 | -1): void => {
      const count = (byUser.get(user) ?? 0) + n
      if (count === 0) byUser.delete(user)
      else byUser.set(user, count)
      all += n
    }

    const counting = (user: string) =>
      Effect.acquireRelease(
        Effect.andThen(
          room(user),
          Effect.sync(() => add(user, 1))
        ),
        () => Effect.sync(() => add(user, -1))
      )

    return OpenStreams.of({
      room,
      counted: (user) => (stream) =>
        Stream.unwrap(Effect.as(counting(user), stream)).pipe(Stream.interruptWhen(Deferred.await(ended))),
      end: Effect.asVoid(Deferred.succeed(ended, undefined))
    })
  })

  static readonly layer = ({ perUser = 100, total = 5_000 }: Limits = {}): Layer.Layer<OpenStreams> =>
    Layer.effect(OpenStreams, OpenStreams.make(perUser, total))
}

/** When another stream ends is unknown: this is about when a client that is gone is noticed. */
const retryAfter = 30

const tooMany = (why: string) =>
  new TooManyRequests({ ...body(`too many open streams: ${why} at the same time`), retryAfter })
