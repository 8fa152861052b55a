/**
 * What sends the e-mails of a server. Without it they stay in the `Inbox`.
 *
 * `NodeMailer` of `effect-app-services/node` sends by SMTP, or runs a command. Another one is a layer of this service:
 *
 * @example
 * ```ts
 * import { App, AppServicesServer, Mailer } from "effect-app-services/server"
 * import { Effect, Layer } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { emailPassword: { autoConfirm: false } } })
 * const mailer = Layer.succeed(Mailer.Mailer, {
 *   send: ({ subject, to }) => Effect.log(`to ${to}: ${subject}`)
 * })
 * const server = AppServicesServer.layerHttpClient(app, { mailer })
 * ```
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Message } from "./Inbox.ts"

/**
 * An e-mail was not sent. `retryable` says whether another attempt may succeed, as after a network error.
 *
 * @category errors
 * @since 0.2.0
 */
export class MailerError extends Schema.TaggedError<MailerError>("effect-app-services/server/users/MailerError")(
  "MailerError",
  { message: Schema.String, retryable: Schema.Boolean }
) {}

/**
 * The shape of {@link Mailer}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Service {
  /**
   * Sends a message once. The server repeats it after a retryable error, while its link is valid, so that a message may be
   * sent twice if the server is stopped meanwhile. `to` is one address, without a name.
   */
  readonly send: (message: Message) => Effect.Effect<void, MailerError>
}

/**
 * Sends e-mails.
 *
 * @category services
 * @since 0.2.0
 */
export class Mailer extends Context.Service<Mailer, Service>()("effect-app-services/server/users/Mailer") {}
