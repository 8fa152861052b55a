/**
 * Sends the messages of the inbox with the mailer.
 *
 * Whether a message was sent is recorded after it was, so a server that is killed in between sends it again: at least once.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { lifetimeMinutes } from "../model/MailTemplate.ts"
import * as Metrics from "../model/Metrics.ts"
import { type Delivery, Inbox, type Message } from "./Inbox.ts"
import { Mailer, MailerError } from "./Mailer.ts"

/** How long one attempt may take. */
const timeLimit = Duration.seconds(60)

/** How long a message is claimed: longer than an attempt takes. */
const lease = Duration.minutes(2)

/** How often the inbox is asked for messages that are due. */
const period = Duration.seconds(5)

/** The most messages that are sent at the same time. */
const concurrency = 4

const lifetime = Duration.toMillis(Duration.minutes(lifetimeMinutes))
const longestPause = Duration.toMillis(Duration.minutes(5))

/** The pause after an attempt that failed: 10 seconds, twice as long after each further one, 5 minutes at most. */
const pauseAfter = (attempts: number): number => Math.min(10_000 * 2 ** (attempts - 1), longestPause)

/** One address and nothing else: others could name several recipients, or headers. */
const isAddress = (to: string): boolean =>
  /^[^\s@,;:<>()[\]\\"\p{C}]+@[^\s@,;:<>()[\]\\"\p{C}]+$/u.test(to) && to.length <= 320

/** What a mail server answers may repeat what it was sent. */
const withoutSecrets = (text: string, { token, url }: Message): string =>
  [url, token]
    .reduce((rest, secret) => (secret === undefined ? rest : rest.replaceAll(Redacted.value(secret), "***")), text)
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .slice(0, 300)

/** Sends the messages of the inbox until the scope closes, by the clock and with the loggers of the context `outside`. */
export const layer = (outside: Context.Context<never>): Layer.Layer<never, never, Inbox | Mailer> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { arrivals, claim, record } = yield* Inbox
      const { send } = yield* Mailer

      const attempt = (message: Message) =>
        isAddress(message.to)
          ? Effect.timeoutOrElse(send(message), {
              duration: timeLimit,
              orElse: () =>
                Effect.fail(
                  new MailerError({ message: `not sent within ${Duration.format(timeLimit)}`, retryable: true })
                )
            })
          : Effect.fail(new MailerError({ message: "it is not the address of one recipient", retryable: false }))

      const deliver = Effect.fnUntraced(
        function* (message: Message) {
          const { app, at } = message
          const before = message.delivery?.attempts ?? 0
          const expiry = DateTime.toEpochMillis(at) + lifetime
          const done = Effect.fnUntraced(function* (delivery: Delivery, outcome: string) {
            yield* record(message.tokenId, delivery)
            yield* Effect.contextWith((context: Context.Context<never>) =>
              Effect.sync(() => Metrics.mail(context, app, outcome))
            )
          })
          if ((yield* Clock.currentTimeMillis) >= expiry) {
            const error = `its link expired before it could be sent: ${message.delivery?.error ?? "no attempt was made"}`
            yield* Effect.logError(`an e-mail was not sent: ${error}`)
            return yield* done({ state: "failed", attempts: before, error }, "failed")
          }
          const result = yield* Effect.result(attempt(message))
          const attempts = before + 1
          if (Result.isSuccess(result)) {
            yield* Effect.logInfo("an e-mail was sent")
            return yield* done({ state: "sent", attempts }, "sent")
          }
          const error = withoutSecrets(result.failure.message, message)
          const next = (yield* Clock.currentTimeMillis) + pauseAfter(attempts)
          if (result.failure.retryable && next < expiry) {
            yield* Effect.logWarning(`an e-mail was not sent, and will be tried again: ${error}`)
            return yield* done({ state: "waiting", attempts, next: DateTime.makeUnsafe(next), error }, "retried")
          }
          yield* Effect.logError(`an e-mail was not sent, and will not be tried again: ${error}`)
          yield* done({ state: "failed", attempts, error }, "failed")
        },
        (effect, { app, kind, to }) => Effect.annotateLogs(effect, { app, kind, to })
      )

      const slots = yield* Semaphore.make(concurrency)
      const release = slots.release(1)
      const scope = yield* Effect.scope
      const logged = Effect.catchCause((cause: Cause.Cause<never>) => Effect.logError("e-mails cannot be sent", cause))

      /** Begins to send one message that is due, if there is one. */
      const next = Effect.gen(function* () {
        const until = DateTime.addDuration(yield* DateTime.now, lease)
        const [message] = yield* claim({ until, limit: 1 })
        if (message === undefined) return yield* Effect.as(release, false)
        yield* deliver(message).pipe(logged, Effect.ensuring(release), Effect.forkIn(scope))
        return true
      }).pipe(Effect.onError(() => release))

      /** Sends what is due, each as soon as there is a slot: one that hangs does not hold up others. */
      const drain: Effect.Effect<void> = logged(
        Effect.gen(function* () {
          do yield* slots.take(1)
          while (yield* next)
        })
      )

      yield* Stream.merge(
        Stream.tick(period),
        Stream.map(arrivals, () => undefined)
      ).pipe(
        Stream.runForEach(() => drain),
        Effect.provideContext(outside),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  )
