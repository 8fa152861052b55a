/** `effect-app-services serve`: runs exported applications on this machine. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as NodeAppServicesServer from "../node/NodeAppServicesServer.ts"
import * as MongoDatabase from "../server/mongodb/MongoDatabase.ts"
import * as AppDirectory from "../server/directory/AppDirectory.ts"
import { Inbox } from "../server/users/Inbox.ts"
import * as AdminToken from "./adminToken.ts"
import { isLoopback, problem } from "./connection.ts"
import { announce, type Loaded, notices, type ServerInfo } from "./announce.ts"
import { show, showJson } from "./mail.ts"
import * as Watch from "./watch.ts"
import * as Log from "./log.ts"
import * as Metrics from "./metrics.ts"
import * as Mongodb from "./mongodb.ts"

const flags = {
  directories: Argument.String("directory").pipe(
    Argument.withDescription("The directory of an exported application; several can run side by side"),
    Argument.variadic({ min: 1 })
  ),
  appId: Flag.String("app-id").pipe(
    Flag.withDescription("The id by which clients name the application (default: the one in its root file)"),
    Flag.optional
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("The port to listen on; 0 chooses a free one (default: 9090)"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.withDefault(9090)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription(
      "The address to listen on; on others than loopback, the whole network can connect (default: 127.0.0.1)"
    ),
    Flag.withDefault("127.0.0.1")
  ),
  open: Flag.String("open").pipe(
    Flag.withDescription("Opens a collection that is closed to clients: SOURCE/DATABASE.COLLECTION, or all"),
    Flag.atLeast(0)
  ),
  schemas: Flag.Literals("schemas", ["strict", "lenient", "off"]).pipe(
    Flag.withDescription(
      "How schemas of collections are enforced; lenient takes whole numbers for long and double, and null for a field that is not required (default: strict)"
    ),
    Flag.withDefault("strict")
  ),
  data: Flag.String("data").pipe(
    Flag.withDescription("The directory for users and documents (default: in memory only)"),
    Flag.optional
  ),
  trustedProxies: Flag.String("trusted-proxy").pipe(
    Flag.withDescription(
      "The address or network (10.0.0.0/8) of a proxy in front of the server (default: this machine)"
    ),
    Flag.atLeast(0)
  ),
  mongodb: Flag.Redacted("mongodb").pipe(
    Flag.withDescription(
      "The connection string of the MongoDB that has the documents; other users of the machine see it, and not the variable MONGODB_URI (default: the embedded database)"
    ),
    Flag.withFallbackConfig(Config.Redacted("MONGODB_URI")),
    Flag.optional
  ),
  mongodbPort: Flag.Int("mongodb-port").pipe(
    Flag.withDescription(
      "The port on 127.0.0.1 for MongoDB's own tools and drivers, past the rules; 0 chooses a free one (default: none)"
    ),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.optional
  ),
  mongodbShowPassword: Flag.Boolean("mongodb-show-password").pipe(
    Flag.withDescription("Print the password of that port into a pipe, too"),
    Flag.withDefault(false)
  ),
  metricsPort: Flag.Int("metrics-port").pipe(
    Flag.withDescription("The port on 127.0.0.1 for Prometheus, without a token; 0 chooses a free one (default: none)"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))),
    Flag.optional
  ),
  oauthIssuers: Flag.KeyValuePair("oauth-issuer").pipe(
    Flag.withDescription("A host in place of google, facebook or apple, as for tests: google=http://127.0.0.1:8080"),
    Flag.withDefault({})
  ),
  drain: Flag.Int("drain").pipe(
    Flag.withDescription(
      "The seconds to go on answering after a signal to stop, while /readyz answers 503 (default: 0)"
    ),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3600 }))),
    Flag.withDefault(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription(
      "Print lines of JSON, for scripts: one when ready, then one per e-mail; on standard error, the log with requests"
    ),
    Flag.withDefault(false)
  ),
  passwordHashing: Flag.Literals("password-hashing", ["standard", "testing"]).pipe(
    Flag.withDescription(
      "The cost of password hashes; testing is fast and insecure, for loopback addresses only (default: standard)"
    ),
    Flag.withDefault("standard")
  ),
  hosting: Flag.Boolean("hosting").pipe(
    Flag.withDescription("Serve the static files of applications; --no-hosting does not (default: yes)"),
    Flag.withDefault(true)
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withDescription("Replace an application when its files change; users and documents stay"),
    Flag.withDefault(false)
  ),
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("Do not print a line per request"), Flag.withDefault(false))
}

/** The command. */
export const serve = Command.make("serve", flags, ({ directories, host, json, port, ...options }) =>
  Effect.gen(function* () {
    const {
      appId,
      data,
      hosting,
      mongodb: uri,
      mongodbPort,
      oauthIssuers,
      open,
      passwordHashing,
      quiet,
      schemas,
      trustedProxies
    } = options
    if (Option.isSome(appId) && directories.length > 1) {
      const message = "--app-id cannot be combined with several applications: put an id into the root file of each"
      return yield* stop(undefined, message)
    }
    const load = (directory: string) =>
      Effect.map(AppDirectory.load(directory, { appId: Option.getOrUndefined(appId), schemas }), (app): Loaded => ({
        directory,
        app: hosting ? app : { ...app, hosting: undefined }
      }))
    const loaded = yield* openAll(yield* Effect.forEach(directories, load), open)
    const stranger = Object.keys(oauthIssuers).find((name) => !["google", "facebook", "apple"].includes(name))
    if (stranger !== undefined) {
      return yield* stop(undefined, `unknown --oauth-issuer "${stranger}": expected google, facebook or apple`)
    }
    const adminToken = yield* AdminToken.make
    const apps = loaded.map(({ app }) => app)
    const server = NodeAppServicesServer.layer(apps, {
      host,
      port,
      passwordHashing,
      adminToken,
      drainTime: `${options.drain} seconds`,
      trustedProxies: trustedProxies.length === 0 ? undefined : trustedProxies,
      oauthIssuers,
      dataDirectory: Option.getOrUndefined(data),
      database: Option.getOrUndefined(Option.map(uri, (uri) => MongoDatabase.layer({ uri }))),
      onRequest: quiet ? undefined : Log.requests(json ? Log.requestJson : Log.requestLine)
    })
    return yield* Effect.gen(function* () {
      const { arrivals } = yield* Inbox
      yield* Effect.forkScoped(Stream.runForEach(arrivals, json ? showJson : show), { startImmediately: true })
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      const url = new URL(baseUrl)
      yield* publish(url.port, adminToken)
      const kept = Option.match(data, { onNone: () => "in memory", onSome: (path) => `in ${path}` })
      const storage = Option.match(uri, {
        onNone: () => `everything ${kept}`,
        onSome: (uri) => `documents in MongoDB at ${MongoDatabase.hostsOf(uri)}, users ${kept}`
      })
      const inbox = isLoopback(url)
        ? `npx effect-app-services inbox${port === 9090 ? "" : ` --url ${baseUrl}`}`
        : "below, as e-mails arrive: the inbox command needs a loopback address"
      const mongodb = Option.isNone(mongodbPort)
        ? undefined
        : yield* Mongodb.open(apps, {
            port: mongodbPort.value,
            directory: Option.getOrUndefined(data),
            show: options.mongodbShowPassword,
            mayShow: !json && !quiet
          })
      const metrics = Option.isNone(options.metricsPort)
        ? undefined
        : yield* Effect.catchTag(Metrics.open(options.metricsPort.value), "ServeError", (error) =>
            stop(
              error,
              cannotListen(
                error.cause,
                "127.0.0.1",
                Option.getOrElse(options.metricsPort, () => 0),
                "--metrics-port"
              )
            )
          )
      const info = { baseUrl, storage, inbox, mongodb, metrics }
      yield* json ? announceJson(loaded, info) : announce(loaded, info)
      if (options.watch) {
        // a name may be of another one of the applications
        const again = (directory: string) =>
          Effect.map(load(directory), ({ app }) =>
            open.reduce((all, name) => Result.getOrElse(AppDirectory.open(all, name), () => all), app)
          )
        const print = json ? Effect.logWarning : Console.error
        for (const one of loaded) yield* Watch.watch(one, again(one.directory), print)
      }
      return yield* Effect.never
      // what uses the server ends before it does
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(server, Metrics.exporter)))
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      AppDirectoryError: (error) => stop(error, error.message),
      OpenError: (error) => stop(error, error.message),
      AppServicesServerError: (error) => stop(error, error.message),
      MongoWireError: (error) => stop(error, error.message),
      ServeError: (error) => stop(error, cannotListen(error.cause, host, port))
    }),
    Effect.provide(json ? Log.layerJson : Log.layer)
  )
).pipe(
  Command.withDescription("Run exported App Services applications on this machine"),
  Command.withExamples([
    { command: "effect-app-services serve ./exported-app", description: "One application, on port 9090" },
    { command: "effect-app-services serve ./exported-app --data ./data", description: "Users and documents are kept" },
    { command: "effect-app-services serve ./shop ./blog --port 0 --json", description: "Two of them, on a free port" }
  ])
)

/** Opens each name in the applications that have the collection; at least one has to. */
const openAll = Effect.fnUntraced(function* (loaded: ReadonlyArray<Loaded>, names: ReadonlyArray<string>) {
  let all = loaded
  for (const name of names) {
    const tried = all.map((it) => ({ ...it, result: AppDirectory.open(it.app, name) }))
    const refused = tried.flatMap(({ result }) => (Result.isFailure(result) ? [result.failure] : []))
    const [first] = refused
    if (first !== undefined && refused.length === tried.length) return yield* first
    all = tried.map(({ app, directory, result }) => ({ directory, app: Result.getOrElse(result, () => app) }))
  }
  return all
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

const encodeReady = Schema.encodeEffect(
  Schema.fromJsonString(
    Schema.Struct({
      event: Schema.Literal("ready"),
      baseUrl: Schema.String,
      appIds: Schema.Array(Schema.String),
      mongodbUris: Schema.optionalKey(Schema.Array(Schema.String)),
      metricsUrl: Schema.optionalKey(Schema.String)
    })
  )
)

const announceJson = (loaded: ReadonlyArray<Loaded>, { baseUrl, metrics, mongodb }: ServerInfo) =>
  Effect.gen(function* () {
    for (const line of [...notices(loaded), ...(mongodb?.notes ?? [])]) yield* Effect.logWarning(line)
    const line = encodeReady({
      event: "ready",
      baseUrl,
      appIds: loaded.map(({ app }) => app.id),
      ...(mongodb === undefined ? undefined : { mongodbUris: mongodb.uris }),
      ...(metrics === undefined ? undefined : { metricsUrl: metrics })
    })
    yield* Console.log(yield* Effect.orDie(line))
  })
