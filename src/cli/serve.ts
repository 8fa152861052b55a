/**
 * `effect-app-services serve`: runs exported applications on this machine.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as NodeAppServicesServer from "../node/NodeAppServicesServer.ts"
import type { App } from "../server/App.ts"
import * as AppDirectory from "../server/directory/AppDirectory.ts"
import { Inbox, Message } from "../server/Inbox.ts"
import type * as RequestLog from "../server/RequestLog.ts"

const flags = {
  directories: Argument.String("directory").pipe(
    Argument.withDescription("An exported application; several run side by side"),
    Argument.variadic({ min: 1 })
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("Where to listen; 0 takes a free port"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.withDefault(9090)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("The address to listen on; others than loopback let everybody in the network in"),
    Flag.withDefault("127.0.0.1")
  ),
  data: Flag.String("data").pipe(
    Flag.withDescription("A directory that keeps users and documents; everything is in memory alone unless given"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print lines of JSON, for scripts: one when ready, then one for each e-mail"),
    Flag.withDefault(false)
  ),
  passwordHashing: Flag.Literals("password-hashing", ["standard", "testing"]).pipe(
    Flag.withDescription(
      "What a password costs to hash and to guess; testing is quick, and for loopback addresses only"
    ),
    Flag.withDefault("standard")
  ),
  quiet: Flag.Boolean("quiet").pipe(
    Flag.withDescription("Print no line for each request; with --json there is none anyway"),
    Flag.withDefault(false)
  )
}

interface Loaded {
  readonly directory: string
  readonly app: App
}

/**
 * The command.
 *
 * @category commands
 * @since 0.1.0
 */
export const serve = Command.make("serve", flags, ({ data, directories, host, json, passwordHashing, port, quiet }) =>
  Effect.gen(function* () {
    const loaded = yield* Effect.forEach(directories, (directory) =>
      Effect.map(AppDirectory.load(directory), (app): Loaded => ({ directory, app }))
    )
    const server = NodeAppServicesServer.layer(
      loaded.map(({ app }) => app),
      {
        host,
        port,
        passwordHashing,
        dataDirectory: Option.getOrUndefined(data),
        onRequest: json || quiet ? undefined : showRequest
      }
    )
    return yield* Effect.gen(function* () {
      const { arrivals } = yield* Inbox
      yield* Effect.forkScoped(Stream.runForEach(arrivals, json ? showJson : show), { startImmediately: true })
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      yield* json ? announceJson(loaded, baseUrl) : announce(loaded, baseUrl, data)
      return yield* Effect.never
    }).pipe(Effect.provide(server))
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      AppDirectoryError: (error) => stop(error, error.message),
      AppServicesServerError: (error) => stop(error, error.message),
      ServeError: (error) => stop(error, cannotListen(error.cause, host, port))
    })
  )
).pipe(
  Command.withDescription("Run exported App Services applications on this machine"),
  Command.withExamples([
    { command: "effect-app-services serve ./exported-app", description: "One application, on port 9090" },
    { command: "effect-app-services serve ./exported-app --data ./data", description: "Users outlive the command" },
    { command: "effect-app-services serve ./shop ./blog --port 0 --json", description: "Two of them, on a free port" }
  ])
)

const stop = (cause: unknown, userMessage: string) => Effect.fail(new CliError.UserError({ cause, userMessage }))

const cannotListen = (cause: unknown, host: string, port: number): string => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is in use: choose another one with --port, or --port 0 for any`
    case "EACCES":
      return `port ${port} of ${host} is not allowed: choose one above 1023 with --port`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine: choose another one with --host`
    default:
      return `cannot listen on port ${port} of ${host}${code === "" ? "" : `: ${code}`}`
  }
}

const encodeReady = Schema.encodeEffect(
  Schema.fromJsonString(
    Schema.Struct({ event: Schema.Literal("ready"), baseUrl: Schema.String, appIds: Schema.Array(Schema.String) })
  )
)

const announceJson = (loaded: ReadonlyArray<Loaded>, baseUrl: string) =>
  Effect.gen(function* () {
    for (const line of notices(loaded)) yield* Console.error(line)
    const line = encodeReady({ event: "ready", baseUrl, appIds: loaded.map(({ app }) => app.id) })
    yield* Console.log(yield* Effect.orDie(line))
  })

const announce = (loaded: ReadonlyArray<Loaded>, baseUrl: string, data: Option.Option<string>) =>
  Effect.gen(function* () {
    for (const { app, directory } of loaded) {
      yield* Console.log(`${app.id}  (${directory})`)
      yield* Console.log(`  log in with  ${list(providersOf(app))}`)
      yield* Console.log(
        `  functions    ${list([...app.functions.values()].filter((fn) => !fn.private).map((fn) => fn.name))}`
      )
    }
    const lines = notices(loaded)
    if (lines.length > 0) yield* Console.log(`\nworth knowing:\n${lines.map((line) => `  ${line}`).join("\n")}`)
    const place = Option.match(data, { onNone: () => "everything in memory", onSome: (path) => `data in ${path}` })
    yield* Console.log(`\nlistening on ${baseUrl}, ${place}; stop with Ctrl+C`)
  })

/** What would have been mailed: the link is what somebody has to open now. */
const show = ({ app, kind, subject, to, token, tokenId, url }: Message) =>
  Console.log(
    `mail to ${to} (${app}, ${kind}): ${subject}: ` +
      (url === undefined ? `token ${Redacted.value(token)} tokenId ${tokenId}` : Redacted.value(url))
  )

/** To standard error, which leaves the other to what was asked for. */
const showRequest = ({ app, method, millis, path, status, userId }: RequestLog.Entry) =>
  Console.error(
    [
      status ?? "---",
      `${millis} ms`.padStart(8),
      method,
      printable(path),
      ...(app === undefined ? [] : [`app=${app}`]),
      ...(userId === undefined ? [] : [`user=${userId}`])
    ].join(" ")
  )

/** What clients send must not steer a terminal, nor fill it. */
const printable = (text: string): string => {
  const plain = text.replace(/[^!-~]/g, "?")
  return plain.length > 200 ? `${plain.slice(0, 200)}...` : plain
}

const encodeMail = Schema.encodeEffect(
  Schema.fromJsonString(Schema.Struct({ event: Schema.Literal("mail"), ...Message.fields }))
)

const showJson = (message: Message) =>
  Effect.flatMap(Effect.orDie(encodeMail({ event: "mail", ...message })), (line) => Console.log(line))

const notices = (loaded: ReadonlyArray<Loaded>): ReadonlyArray<string> =>
  loaded.flatMap(({ app }) =>
    app.report.map(({ file, message }) => `${app.id}: ${file === undefined ? "" : `${file}: `}${message}`)
  )

const list = (names: ReadonlyArray<string>): string => (names.length === 0 ? "none" : names.join(", "))

const providersOf = ({ providers }: App): ReadonlyArray<string> => [
  ...(providers.anonymous ? ["anon-user"] : []),
  ...(providers.emailPassword === undefined ? [] : ["local-userpass"]),
  ...(providers.apiKey ? ["api-key"] : []),
  ...(providers.customFunction === undefined ? [] : ["custom-function"]),
  ...(providers.customToken === undefined ? [] : ["custom-token"])
]
