/**
 * The e-mails of the server: a queue for the `Mailer`, if there is one, and where developers read them otherwise.
 *
 * In code the layers of `AppServicesServer` provide this service. Over HTTP a server on a socket answers
 * `GET /_admin/inbox` with its administration token; see `AdminApi`.
 *
 * @example
 * ```ts
 * import { App, AppServicesServer, Inbox } from "effect-app-services/server"
 * import { Effect } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { emailPassword: { autoConfirm: false } } })
 *
 * const lastMessage = Effect.gen(function* () {
 *   const inbox = yield* Inbox.Inbox
 *   return (yield* inbox.messages("my-app")).at(-1)
 * }).pipe(Effect.provide(AppServicesServer.layerHttpClient(app)))
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { attempt, RowStore, type RowStoreError } from "../storage/RowStore.ts"
import { Table, write } from "../storage/Table.ts"

const Secret = Schema.RedactedFromValue(Schema.String)

/**
 * What became of sending an e-mail.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Delivery = Schema.Struct({
  /** `waiting` is sent at `next`; `failed` is not tried again. */
  state: Schema.Literals(["waiting", "sent", "failed"]),
  /** The number of attempts so far. */
  attempts: Schema.Int,
  /** The time of the next attempt. */
  next: Schema.optional(Schema.DateTimeUtcFromString),
  /** Why the last attempt failed, without secrets. */
  error: Schema.optional(Schema.String)
})

/**
 * The decoded form of {@link Delivery}.
 *
 * @category models
 * @since 0.1.0
 */
export type Delivery = typeof Delivery.Type

/**
 * An e-mail: to confirm an address, or to reset a password.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Message = Schema.Struct({
  /** The id of the application. */
  app: Schema.String,
  /** The e-mail address. */
  to: Schema.String,
  kind: Schema.Literals(["confirmation", "reset"]),
  subject: Schema.String,
  /** The configured page, with the token and its id in the query. Absent if no page is configured. */
  url: Schema.optional(Secret),
  /** The token that confirms or resets, with its id. It is valid once and for 30 minutes. */
  token: Secret,
  tokenId: Schema.String,
  /** The e-mail in plain text, with the link. */
  text: Secret,
  /** The same in HTML, if the application has such a template. */
  html: Schema.optional(Secret),
  at: Schema.DateTimeUtcFromString,
  /** Absent if no attempt was made to send it, as without a `Mailer`. */
  delivery: Schema.optional(Delivery)
})

/**
 * The decoded form of {@link Message}.
 *
 * @category models
 * @since 0.1.0
 */
export type Message = typeof Message.Type

/**
 * The shape of {@link Inbox}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** Adds a message. The server calls this. */
  readonly deliver: (message: Message) => Effect.Effect<void>
  /** The messages of one application, or of all, the newest last. */
  readonly messages: (app?: string) => Effect.Effect<ReadonlyArray<Message>>
  /** Messages from the moment that the stream runs. */
  readonly arrivals: Stream.Stream<Message>
  /**
   * The oldest messages that are to be sent now, at most `limit`. They are not claimed again before `until`, by other
   * servers of the same inbox either, unless {@link Service.record} says so.
   */
  readonly claim: (options: {
    readonly until: DateTime.Utc
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Message>>
  /** Records what became of the message with a token id. */
  readonly record: (tokenId: string, delivery: Delivery) => Effect.Effect<void>
}

/**
 * Holds the e-mails of all applications.
 *
 * @see `AdminApi` for the same over HTTP
 * @category services
 * @since 0.1.0
 */
export class Inbox extends Context.Service<Inbox, Service>()("effect-app-services/server/users/Inbox") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, RowStoreError, RowStore> = Effect.gen(function* () {
    const rowStore = yield* RowStore
    const table = yield* attempt(
      () => new Table(rowStore, { name: "mail", schema: Message, key: ({ tokenId }) => tokenId })
    )
    // a slow subscriber must not delay registrations; most servers in tests never send mail
    const arrivals = yield* Effect.cached(PubSub.sliding<Message>(most))
    /** A synchronous step with the time. A row store that fails is a defect, which the server answers with 500. */
    const step = <A>(step: (now: number) => A) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.orDie(attempt(() => step(now))))
    return Inbox.of({
      deliver: Effect.fn("Inbox.deliver")(function* (message) {
        yield* step((now) => {
          const rows = [...table.rows.values()]
          const full = rows.length - most
          const old = rows.filter(({ at }, index) => index <= full || DateTime.toEpochMillis(at) < now - longest)
          write(rowStore, [...old.map((row) => table.remove(row)), table.put(message)])
        })
        yield* PubSub.publish(yield* arrivals, message)
      }),
      messages: (app) =>
        Effect.sync(() => [...table.rows.values()].filter((message) => app === undefined || message.app === app)),
      arrivals: Stream.unwrap(Effect.map(arrivals, Stream.fromPubSub)),
      claim: ({ limit, until }) =>
        step((now) => {
          const due = [...table.rows.values()].filter(({ delivery }) => isDue(delivery, now)).slice(0, limit)
          write(
            rowStore,
            due.map((it) =>
              table.put({ ...it, delivery: { attempts: 0, ...it.delivery, state: "waiting", next: until } })
            )
          )
          return due
        }),
      record: (tokenId, delivery) =>
        step(() => {
          const found = table.rows.get(tokenId)
          if (found !== undefined) write(rowStore, [table.put({ ...found, delivery })])
        })
    })
  })

  /** Keeps the newest 1,000 messages, for seven days at most, in the row store. */
  static readonly layer: Layer.Layer<Inbox, RowStoreError, RowStore> = Layer.effect(Inbox, Inbox.make)

  /** Keeps them in memory. */
  static readonly layerMemory: Layer.Layer<Inbox> = Layer.orDie(Layer.provide(Inbox.layer, RowStore.layerNone))
}

const isDue = (delivery: Delivery | undefined, now: number): boolean =>
  delivery === undefined ||
  (delivery.state === "waiting" && (delivery.next === undefined || DateTime.toEpochMillis(delivery.next) <= now))

const most = 1000
const longest = Duration.toMillis("7 days")
