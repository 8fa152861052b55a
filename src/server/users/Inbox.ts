/**
 * The e-mails of the server. It does not send them, and keeps them to be read instead.
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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const Secret = Schema.RedactedFromValue(Schema.String)

/**
 * An e-mail that the server did not send: to confirm an address, or to reset a password.
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
  at: Schema.DateTimeUtcFromString
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
  static readonly make: Effect.Effect<Service> = Effect.gen(function* () {
    const kept: Array<Message> = []
    // a slow subscriber must not delay registrations; most servers in tests never send mail
    const arrivals = yield* Effect.cached(PubSub.sliding<Message>(limit))
    return Inbox.of({
      deliver: Effect.fn("Inbox.deliver")(function* (message) {
        if (kept.push(message) > limit) kept.shift()
        yield* PubSub.publish(yield* arrivals, message)
      }),
      messages: (app) => Effect.sync(() => kept.filter((message) => app === undefined || message.app === app)),
      arrivals: Stream.unwrap(Effect.map(arrivals, Stream.fromPubSub))
    })
  })

  /** Keeps the newest 1,000 messages in memory. */
  static readonly layerMemory: Layer.Layer<Inbox> = Layer.effect(Inbox, Inbox.make)
}

const limit = 1000
