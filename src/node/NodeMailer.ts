/**
 * Mailers for the embedded server: by SMTP with `nodemailer`, an optional peer, or by a command.
 *
 * @example
 * ```ts
 * import { App } from "effect-app-services/server"
 * import { NodeAppServicesServer, NodeMailer } from "effect-app-services/node"
 * import { Redacted } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { emailPassword: { autoConfirm: false } } })
 * const server = NodeAppServicesServer.layer(app, {
 *   port: 9090,
 *   mailer: NodeMailer.layerSmtp({
 *     url: Redacted.make("smtp://user:password@mail.example:587"),
 *     from: "My app <no-reply@my-app.example>"
 *   })
 * })
 * ```
 *
 * @since 0.2.0
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Message, Message as MessageSchema } from "../server/users/Inbox.ts"
import { Mailer, MailerError } from "../server/users/Mailer.ts"
import * as commands from "./internal/mailCommand.ts"
import * as smtp from "./internal/smtp.ts"

/**
 * The options of a mailer are invalid, or `nodemailer` is not installed. `message` says what to do, without the password.
 *
 * @category errors
 * @since 0.2.0
 */
export class NodeMailerError extends Schema.TaggedError<NodeMailerError>("effect-app-services/node/NodeMailerError")(
  "NodeMailerError",
  { message: Schema.String }
) {}

/**
 * How to reach an SMTP server.
 *
 * @category options
 * @since 0.2.0
 */
export interface SmtpOptions {
  /**
   * `smtp://USER:PASSWORD@HOST:PORT`, or `smtps:` for a server that expects TLS at once. The ports by default are 587 and 465.
   *
   * With `smtp:`, TLS begins by STARTTLS and is required, unless the server is on this machine or the URL ends with `?tls=off`.
   */
  readonly url: Redacted.Redacted
  /** The sender: an address, with a name or without. */
  readonly from: string
  /** Certificates of authorities in PEM, besides those that Node.js has and those of `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: string | ReadonlyArray<string> | undefined
}

/** The package is an optional peer: most servers send no e-mails. */
const nodemailer = Effect.tryPromise({
  try: () => import("nodemailer"),
  catch: () => new NodeMailerError({ message: "nodemailer is not installed: npm install nodemailer@10 installs it" })
})

const sender = (from: string) =>
  /^[^\r\n]*[^\s<>@]+@[^\s<>@]+>?$/.test(from)
    ? Effect.succeed(from)
    : Effect.fail(
        new NodeMailerError({
          message: `invalid sender "${from}": expected "Shop <no-reply@shop.example>", for example`
        })
      )

/**
 * Sends by SMTP, with a connection for each e-mail. A refusal with a code from 500 to 599 is final; that of the credentials,
 * another code, and an error of the network are retried.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerSmtp = (options: SmtpOptions): Layer.Layer<Mailer, NodeMailerError> =>
  Layer.effect(
    Mailer,
    Effect.gen(function* () {
      const from = yield* sender(options.from)
      const settings = yield* Effect.mapError(
        Effect.fromResult(smtp.read(options.url)),
        (message) => new NodeMailerError({ message })
      )
      const { createTransport } = yield* nodemailer
      const transport = createTransport(smtp.transportOptions(settings, options.ca))
      yield* Effect.addFinalizer(() => Effect.sync(() => transport.close()))
      return Mailer.of({
        send: Effect.fn("NodeMailer.send")((message: Message) =>
          Effect.tryPromise({
            try: () => transport.sendMail(smtp.mail(message, from)),
            catch: (cause) => smtp.failure(cause, settings)
          })
        )
      })
    })
  )

/**
 * Reads the URL and the sender from the configuration, by default from `SMTP_URL` and `MAIL_FROM`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerSmtpConfig = (
  url: Config.Config<Redacted.Redacted> = Config.Redacted("SMTP_URL"),
  from: Config.Config<string> = Config.String("MAIL_FROM")
): Layer.Layer<Mailer, NodeMailerError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Effect.all([url, from]), ([url, from]) => layerSmtp({ url, from })))

/**
 * A command that sends e-mails.
 *
 * @category options
 * @since 0.2.0
 */
export interface CommandOptions {
  /** A line for the shell (`/bin/sh`). Nothing of an e-mail is in it: the e-mail is its standard input. */
  readonly command: string
  /** The sender, as for SMTP. */
  readonly from: string
  /**
   * What the command reads: a JSON object with `app`, `kind`, `from`, `to`, `subject`, `text`, `html`, `url`, `token`, `tokenId`
   * and `at`, or an e-mail in the format of RFC 5322, as `sendmail -t` expects it, which `nodemailer` writes.
   *
   * @default "json"
   */
  readonly format?: "json" | "rfc822" | undefined
  /**
   * After this time the command is ended, and the e-mail is tried again.
   *
   * @default "30 seconds"
   */
  readonly timeLimit?: Duration.Input | undefined
}

const encode = Schema.encodeEffect(
  Schema.fromJsonString(Schema.Struct({ ...MessageSchema.fields, from: Schema.String }))
)

/**
 * Runs a command for each e-mail. Exit code 0 means that it was sent. The codes 65, 67 and 68 of `sysexits.h` (invalid data,
 * unknown recipient, unknown host) are final, and it is tried again after any other.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerCommand = ({
  command,
  format = "json",
  from,
  timeLimit = "30 seconds"
}: CommandOptions): Layer.Layer<Mailer, NodeMailerError> =>
  Layer.effect(
    Mailer,
    Effect.gen(function* () {
      yield* sender(from)
      const compose =
        format === "json"
          ? ({ delivery: _, ...message }: Message) => Effect.orDie(encode({ ...message, from }))
          : yield* composer(from)
      const run = yield* commands.make(command, timeLimit)
      return Mailer.of({
        send: Effect.fn("NodeMailer.send")((message: Message) => Effect.flatMap(compose(message), run))
      })
    })
  ).pipe(Layer.provide(NodeServices.layer))

/** Writes e-mails in the format of RFC 5322. */
const composer = Effect.fnUntraced(function* (from: string) {
  const { createTransport } = yield* nodemailer
  const transport = createTransport({ streamTransport: true, buffer: true, newline: "unix", ...smtp.closed })
  return (message: Message) =>
    Effect.tryPromise({
      try: async () => {
        const written = await transport.sendMail(smtp.mail(message, from))
        return Buffer.isBuffer(written.message) ? written.message.toString() : ""
      },
      catch: (cause) =>
        new MailerError({
          message: `the e-mail cannot be written: ${cause instanceof Error ? cause.message : ""}`,
          retryable: false
        })
    })
})
