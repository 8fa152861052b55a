/**
 * Limits the event streams that are open at the same time, since each uses memory until it ends, and ends all of them when the
 * server stops.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { body, TooManyRequests } from "../model/ApiErrors.ts"

/** The most event streams that may be open at the same time. */
export interface Limits {
  /** @default 100 */
  readonly perUser?: number | undefined
  /**
   * Of all users. Each stream uses about 45 KB.
   *
   * @default 5_000
   */
  readonly total?: number | undefined
}

/** The shape of {@link OpenStreams}. */
export interface Service {
  /** Fails if a user or the server has reached a limit. */
  readonly room: (user: string) => Effect.Effect<void, TooManyRequests>
  /** Counts a stream while it runs, and ends it when the server stops. */
  readonly counted: (user: string) => <A, E>(stream: Stream.Stream<A, E>) => Stream.Stream<A, E | TooManyRequests>
  /** Ends all streams, also those that begin later. */
  readonly end: Effect.Effect<void>
}

/** Counts the open streams. */
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

/** In seconds: about the time until a disconnected client is noticed. */
const retryAfter = 30

const tooMany = (why: string) =>
  new TooManyRequests({ ...body(`too many open streams: ${why} at the same time`), retryAfter })
