/** Connects commands to the administration API of a running server, with errors for people. */
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import type * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type * as Schema from "effect/Schema"
import { AdminApi, type BackupFailed, type TokenRejected } from "../server/api/AdminApi.ts"
import type {
  AccountInUse,
  AccountNotFound,
  AppNotFound,
  InvalidRequest,
  SessionNotFound,
  UserNotFound
} from "../server/users/AdminModels.ts"
import type { TriggerNotFound, TriggerNotSuspended } from "../server/triggers/TriggerModels.ts"
import * as AdminToken from "./adminToken.ts"

/** The flags of every command that talks to a server. */
export const flags = {
  url: Flag.String("url").pipe(
    Flag.withDescription("The URL of the server, on this machine (default: http://127.0.0.1:9090)"),
    Flag.withDefault("http://127.0.0.1:9090")
  ),
  app: Flag.String("app").pipe(
    Flag.withDescription("The application's id; required if the server has several"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print lines of JSON, for scripts"), Flag.withDefault(false))
}

export type Client = HttpApiClient.ForApi<typeof AdminApi>

/** An error with a message for people. */
export const problem = (userMessage: string, cause: unknown = userMessage) =>
  new CliError.UserError({ cause, userMessage })

/** Whether a URL has a loopback address, the only ones that administration accepts. */
export const isLoopback = ({ hostname }: Pick<URL, "hostname">): boolean =>
  /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)

const connect = Effect.fnUntraced(function* (text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== "http:")
    return yield* problem(`invalid --url "${text}": expected a URL such as http://127.0.0.1:9090`)
  if (!isLoopback(url)) {
    return yield* problem(
      `a server can be administered from its own machine only: use --url http://127.0.0.1:${url.port || 80}`
    )
  }
  const port = url.port === "" ? "80" : url.port
  const token = yield* AdminToken.read(port)
  const client = yield* HttpApiClient.make(AdminApi, {
    baseUrl: url.origin,
    transformClient: HttpClient.mapRequest((request) =>
      Option.isSome(token) ? HttpClientRequest.bearerToken(request, token.value) : request
    )
  }).pipe(Effect.provide(FetchHttpClient.layer))
  return client
})

type Failure =
  | HttpClientError.HttpClientError
  | Schema.SchemaError
  | TokenRejected
  | BackupFailed
  | AccountInUse
  | AccountNotFound
  | AppNotFound
  | InvalidRequest
  | SessionNotFound
  | TriggerNotFound
  | TriggerNotSuspended
  | UserNotFound

const explain =
  (url: string) =>
  (error: Failure | CliError.UserError): CliError.UserError => {
    switch (error._tag) {
      case "UserError":
        return error
      case "HttpClientError":
        return error.reason._tag === "TransportError"
          ? problem(`no server answers at ${url}: start one with "serve", or set --url to its address`, error)
          : (error.response?.status ?? 0) >= 500
            ? problem(`the server at ${url} failed: its own output has the reason`, error)
            : problem(notOurs(url), error)
      case "SchemaError":
        return problem(notOurs(url), error)
      case "TokenRejected":
        return problem(
          `the server at ${url} rejected the administration token: another user or program started it; set ${AdminToken.variable} to its token`,
          error
        )
      default:
        return problem(error.message, error)
    }
  }

const notOurs = (url: string) =>
  `the server at ${url} has no administration API: it is another program, or another version`

/** Uses the administration API of the server at a URL. Every error says what to do. */
export const administer = <A, R>(
  url: string,
  use: (client: Client) => Effect.Effect<A, Failure | CliError.UserError, R>
): Effect.Effect<A, CliError.UserError, R | FileSystem.FileSystem | Path.Path> =>
  Effect.mapError(Effect.flatMap(connect(url), use), explain(url))

/** The application of a command: the named one, or the only one. */
export const appOf = Effect.fnUntraced(function* (client: Client, named: Option.Option<string>) {
  const ids = (yield* client.server.apps()).map(({ id }) => id)
  if (Option.isSome(named)) {
    return ids.includes(named.value)
      ? named.value
      : yield* problem(`no application "${named.value}": the server has ${ids.join(", ")}`)
  }
  const [only, ...others] = ids
  return only === undefined || others.length > 0
    ? yield* problem(`the server has several applications: choose one with --app: ${ids.join(", ")}`)
    : only
})
