/** `effect-app-services serve`: runs exported applications on this machine. */
import type * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as NodeAppServicesServer from "../node/NodeAppServicesServer.ts"
import * as NodeMailer from "../node/NodeMailer.ts"
import type { App } from "../server/model/App.ts"
import { pageHost } from "../server/api/AdminApi.ts"
import type { Input as LimitsInput } from "../server/api/RateLimits.ts"
import { Inbox } from "../server/users/Inbox.ts"
import * as AdminToken from "./adminToken.ts"
import { announce, announceJson } from "./announce.ts"
import * as Applications from "./applications.ts"
import * as Clusters from "./clusters.ts"
import { isLoopback, problem } from "./connection.ts"
import * as Log from "./log.ts"
import * as Mail from "./mail.ts"
import * as Metrics from "./metrics.ts"
import * as Mongodb from "./mongodb.ts"
import * as RateLimits from "./rateLimits.ts"
import { flags } from "./serveFlags.ts"
import * as Watch from "./watch.ts"

type Flags = Command.Command.Config.Infer<typeof flags>

interface Options extends Omit<Flags, "rateLimits"> {
  readonly clusters: Option.Option<Clusters.Clusters>
  readonly rateLimits: LimitsInput
}

/** The command. */
export const serve = Command.make("serve", flags, (given) =>
  Effect.gen(function* () {
    const rateLimits = yield* check(given)
    const loaded = yield* Effect.flatMap(Applications.loadAll(given.directories, loadingOf(given)), (all) =>
      Applications.openAll(all, given.open)
    )
    yield* checkBuiltIn(loaded, given)
    const adminToken = yield* AdminToken.make
    const apps = loaded.map(({ app }) => app)
    const options = { ...given, rateLimits, clusters: yield* Clusters.read(given.mongodb, apps) }
    return yield* run(loaded, apps, options, adminToken).pipe(
      // what uses the server ends before it does
      Effect.scoped,
      Effect.provide(Layer.provideMerge(serverOf(apps, options, adminToken), Metrics.exporter))
    )
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      AppDirectoryError: (error) => stop(error, error.message),
      OpenError: (error) => stop(error, error.message),
      AppServicesServerError: (error) => stop(error, error.message),
      MongoWireError: (error) => stop(error, error.message),
      ClustersError: (error) => stop(error, error.message),
      ServeError: (error) => stop(error, cannotListen(error.cause, given.host, given.port))
    }),
    Effect.provide(given.json ? Log.layerJson : Log.layer)
  )
).pipe(
  Command.withDescription("Run exported App Services applications on this machine"),
  Command.withExamples([
    { command: "effect-app-services serve ./exported-app", description: "One application, on port 9090" },
    { command: "effect-app-services serve ./exported-app --data ./data", description: "Users and documents are kept" },
    { command: "effect-app-services serve ./exported-app --watch", description: "Changed files are live at once" },
    { command: "effect-app-services serve ./shop ./blog --port 0 --json", description: "Two of them, on a free port" },
    { command: "effect-app-services serve", description: "Without an export: logins and an open database, to try out" }
  ])
)

/** How the applications are loaded. */
const loadingOf = ({ appId, environment, hosting, schemas }: Omit<Flags, "rateLimits">): Applications.Options => ({
  appId: Option.getOrUndefined(appId),
  environment: Option.getOrUndefined(environment),
  schemas,
  hosting
})

/** Refuses flags that are invalid or contradict each other. Answers with the rate limits. */
const check = Effect.fnUntraced(function* (given: Flags): Effect.fn.Return<LimitsInput, CliError.UserError> {
  const { mailCommand, mailFrom, oauthIssuers, smtp } = given
  const limits = yield* Effect.mapError(Effect.fromResult(RateLimits.read(given.rateLimit)), (message) =>
    problem(message)
  )
  if (Option.isSome(smtp) && Option.isSome(mailCommand)) {
    return yield* problem("--smtp and --mail-command (SMTP_URL, MAIL_COMMAND) exclude each other: choose one")
  }
  if (Option.isNone(mailFrom) && (Option.isSome(smtp) || Option.isSome(mailCommand))) {
    return yield* problem('the sender of e-mails is missing: name it with --mail-from "Shop <no-reply@shop.example>"')
  }
  const stranger = Object.keys(oauthIssuers).find((name) => !["google", "facebook", "apple"].includes(name))
  if (stranger !== undefined) {
    return yield* problem(`unknown --oauth-issuer "${stranger}": expected google, facebook or apple`)
  }
  return given.rateLimits ? limits : "off"
})

/** Every user reads and writes every document of the built-in application: it is for this machine. */
const checkBuiltIn = Effect.fnUntraced(function* (loaded: ReadonlyArray<Applications.Loaded>, { host }: Flags) {
  const local = isLoopback({ hostname: host.includes(":") ? `[${host}]` : host })
  if (!local && loaded.some(({ builtIn }) => builtIn)) {
    return yield* problem(
      `the built-in application has an open database and is served on loopback only, not on ${host}: name an application, which \`effect-app-services init DIR\` makes`
    )
  }
})

/** What sends e-mails, if anything does. */
const mailerOf = ({ mailCommand, mailFormat, mailFrom, smtp }: Options) => {
  const from = Option.getOrElse(mailFrom, () => "")
  return Option.isSome(smtp)
    ? NodeMailer.layerSmtp({ url: smtp.value, from })
    : Option.isSome(mailCommand)
      ? NodeMailer.layerCommand({ command: mailCommand.value, from, format: mailFormat })
      : undefined
}

const mailOf = ({ mailCommand, mailFrom, smtp }: Options): string | undefined => {
  const way = Option.isSome(smtp) ? "by SMTP" : Option.isSome(mailCommand) ? "by the mail command" : undefined
  return way === undefined ? undefined : `sent ${way}, from ${Option.getOrElse(mailFrom, () => "")}`
}

const serverOf = (apps: ReadonlyArray<App>, options: Options, adminToken: Redacted.Redacted) =>
  NodeAppServicesServer.layer(apps, {
    host: options.host,
    port: options.port,
    passwordHashing: options.passwordHashing,
    adminToken,
    drainTime: `${options.drain} seconds`,
    trustedProxies: options.trustedProxies.length === 0 ? undefined : options.trustedProxies,
    publicUrl: Option.getOrUndefined(options.publicUrl),
    rateLimits: options.rateLimits,
    oauthIssuers: options.oauthIssuers,
    dataDirectory: Option.getOrUndefined(options.data),
    mailer: mailerOf(options),
    ...Clusters.serverOptions(
      options.clusters,
      Option.getOrUndefined(options.data),
      Option.getOrUndefined(options.mongodbUsersDatabase)
    ),
    onRequest: options.quiet ? undefined : Log.requests(options.json ? Log.requestJson : Log.requestLine)
  })

/** Announces the server, and prints what happens until it is interrupted. */
const run = Effect.fnUntraced(function* (
  loaded: ReadonlyArray<Applications.Loaded>,
  apps: ReadonlyArray<App>,
  options: Options,
  adminToken: Redacted.Redacted
) {
  const { arrivals } = yield* Inbox
  yield* Effect.forkScoped(Stream.runForEach(arrivals, yield* Mail.printer(options)), { startImmediately: true })
  const baseUrl = yield* NodeAppServicesServer.baseUrl
  const url = new URL(baseUrl)
  yield* publish(url.port, adminToken)
  const info = {
    baseUrl,
    publicUrl: Option.getOrElse(options.publicUrl, () => baseUrl).replace(/\/$/, ""),
    storage: storageOf(options),
    inbox: isLoopback(url)
      ? `npx effect-app-services inbox${options.port === 9090 ? "" : ` --url ${baseUrl}`}`
      : "for the inbox command, listen on a loopback address or on all of them",
    mail: mailOf(options),
    page: isLoopback(url)
      ? `http://${pageHost}:${url.port}  (log in with the token in ~/.effect-app-services/${url.port}.token)`
      : undefined,
    mongodb: yield* openMongodb(apps, options),
    metrics: yield* openMetrics(options)
  }
  // what changes after the announcement is a change
  if (options.watch || Option.isSome(options.watchPoll)) yield* watch(loaded, options)
  yield* options.json ? announceJson(loaded, info) : announce(loaded, info)
  return yield* Effect.never
})

const storageOf = ({ clusters, data }: Options): string =>
  Option.match(clusters, {
    onNone: () =>
      Option.match(data, { onNone: () => "everything in memory", onSome: (path) => `everything in ${path}` }),
    onSome: (clusters) => Clusters.described(clusters, Option.getOrUndefined(data))
  })

const openMongodb = (apps: ReadonlyArray<App>, options: Options) =>
  Option.isNone(options.mongodbPort)
    ? Effect.undefined
    : Mongodb.open(apps, {
        port: options.mongodbPort.value,
        directory: Option.getOrUndefined(options.data),
        show: options.mongodbShowPassword,
        mayShow: !options.json && !options.quiet
      })

const openMetrics = ({ metricsPort }: Options) =>
  Option.isNone(metricsPort)
    ? Effect.undefined
    : Effect.catchTag(Metrics.open(metricsPort.value), "ServeError", (error) =>
        stop(error, cannotListen(error.cause, "127.0.0.1", metricsPort.value, "--metrics-port"))
      )

const watch = Effect.fnUntraced(function* (loaded: ReadonlyArray<Applications.Loaded>, options: Options) {
  const { open, watchPoll } = options
  const changes = Option.match(watchPoll, { onNone: () => Watch.told, onSome: Watch.polled })
  for (const one of loaded) {
    if (one.directory === Applications.nowhere) continue
    const again = Effect.map(Applications.load(one.directory, loadingOf(options)), ({ app }) =>
      Applications.reopen(app, open)
    )
    yield* Watch.watch(one, again, changes)
  }
})

/** Without the file, the server can be administered with the token of the environment only. */
const publish = (port: string, token: Redacted.Redacted) =>
  Effect.catch(Effect.asVoid(AdminToken.publish(port, token)), ({ reason }) =>
    Console.error(
      `the token for "inbox" and "users" cannot be written (${reason._tag} in the home directory): set ${AdminToken.variable} for the server and the commands`
    )
  )

const stop = (cause: unknown, userMessage: string) => Effect.fail(problem(userMessage, cause))

const cannotListen = (cause: unknown, host: string, port: number, flag = "--port"): string => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is in use: choose another one with ${flag}, or ${flag} 0 for any free one`
    case "EACCES":
      return `port ${port} of ${host} is not permitted: choose one above 1023 with ${flag}`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: choose another one with --host`
    default:
      return `cannot listen on port ${port} of ${host}${code === "" ? "" : `: ${code}`}`
  }
}
