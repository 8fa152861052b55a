/**
 * What `serve` prints when it has started: the parts of each application, its notices, and how to reach the server.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { oauthCallback } from "../protocol/internal/routes.ts"
import * as Hosting from "../server/api/Hosting.ts"
import { type App, type Notice, providerTypes } from "../server/model/App.ts"
import { type Loaded, nowhere } from "./applications.ts"
import type { Port } from "./mongodb.ts"
import { list } from "./terminal.ts"

/** How to reach a server. */
export interface ServerInfo {
  readonly baseUrl: string
  /** The address for clients. */
  readonly publicUrl: string
  /** Where users and documents are: `everything in memory`, or `in` a directory. */
  readonly storage: string
  /** How to read the e-mails. */
  readonly inbox: string
  /** How e-mails are sent, if they are. */
  readonly mail: string | undefined
  /** Where the page for people is; undefined where it cannot be reached. */
  readonly page: string | undefined
  /** The port for MongoDB's own tools, if it is open. */
  readonly mongodb: Port | undefined
  /** The URL of the metrics, if their port is open. */
  readonly metrics: string | undefined
}

/** Prints a server that has started, for people. */
export const announce = (
  loaded: ReadonlyArray<Loaded>,
  { baseUrl, inbox, mail, metrics, mongodb, page, publicUrl, storage }: ServerInfo
) =>
  Effect.gen(function* () {
    for (const { app, directory } of loaded) {
      yield* Console.log([`${app.id}  (${directory})`, ...partsOf(app).map((line) => `  ${line}`)].join("\n"))
    }
    for (const { app } of loaded) {
      if (app.report.length === 0) continue
      yield* Console.log([`\nnotes on ${app.id}:`, ...grouped(app.report)].join("\n"))
    }
    yield* Console.log(
      [
        "",
        ...loaded.map(
          ({ app }) =>
            `clients      new Realm.App({ id: ${JSON.stringify(app.id)}, baseUrl: ${JSON.stringify(publicUrl)} })`
        ),
        ...Hosting.located(
          loaded.map(({ app }) => app),
          publicUrl
        ).flatMap(({ hosting, id }) => (hosting?.uri === undefined ? [] : [`files        ${hosting.uri}  (${id})`])),
        `inbox        ${inbox}`,
        ...(mail === undefined ? [] : [`mail         ${mail}`]),
        ...(page === undefined ? [] : [`page         ${page}`]),
        ...(mongodb === undefined ? [] : [...mongodb.uris, ...mongodb.notes].map((line) => `mongodb      ${line}`)),
        ...(metrics === undefined ? [] : [`metrics      ${metrics}`]),
        ...(loaded.some(({ app }) => redirects(app))
          ? [`callback     ${publicUrl}${oauthCallback}: register it as redirect URI with the OAuth providers`]
          : []),
        ...loaded.filter(({ builtIn }) => builtIn).flatMap(hintsOf),
        `\nlistening on ${baseUrl}, ${storage}; stop with Ctrl+C`
      ].join("\n")
    )
  })

/** Whether users may log in by a redirect. */
const redirects = ({ providers }: App): boolean =>
  Array.from(providers.oauth.values()).some(
    ({ clientSecret, redirectUris }) => clientSecret !== undefined && redirectUris.size > 0
  )

/** The notices of all applications, a line each. */
const notices = (loaded: ReadonlyArray<Loaded>): ReadonlyArray<string> =>
  loaded.flatMap(({ app }) => app.report.map((notice) => [app.id, ...placeOf(notice), notice.message].join(": ")))

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

/** Prints a line of JSON when the server has started, for scripts. */
export const announceJson = (loaded: ReadonlyArray<Loaded>, { baseUrl, metrics, mongodb }: ServerInfo) =>
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

/** How to go on from the built-in application. */
const hintsOf = ({ app, directory }: Loaded): ReadonlyArray<string> => {
  const folder = directory === nowhere ? app.id : directory
  return [
    `\nno application was named: ${app.id} is built in. Users log in anonymously or register with an e-mail address, and every`,
    "user reads and writes every document of the data source mongodb-atlas: it is for trying out.",
    `to go on     npx effect-app-services init ${folder}, then serve ${folder} --watch`
  ]
}

const partsOf = (app: App): ReadonlyArray<string> => {
  const functions = [...app.functions.values()]
  const callable = functions.filter((fn) => !fn.private && !fn.closed && fn.body._tag !== "Broken")
  const ownUse = functions.filter((fn) => fn.private).length
  const unusable = functions.length - callable.length - ownUse
  const others = [
    ...(ownUse === 0 ? [] : [`${ownUse} private`]),
    ...(unusable === 0 ? [] : [`${unusable} unusable (see the notes)`])
  ]
  return [
    `log in with  ${list(providerTypes(app))}`,
    `functions    ${[list(callable.map(({ name }) => name)), ...others].join("; ")}`,
    ...Array.from(app.dataSources, ([name, { collections, open }]) => {
      const named = (kind: (access: unknown) => boolean) =>
        [...collections].flatMap(([collection, access]) => (kind(access) ? [collection] : []))
      const others = open === true ? "open" : open === false ? "closed" : "by the default rule"
      return [
        `data         ${name}:`,
        ...part(
          "by rules",
          named((access) => typeof access === "object")
        ),
        ...part(
          "open",
          named((access) => access === true)
        ),
        ...part(
          "closed",
          named((access) => access === false)
        ),
        `${collections.size === 0 ? "all collections" : "others"} ${others}`
      ].join(" ")
    }),
    ...(app.push.size === 0 ? [] : [`push         ${list([...app.push])}`])
  ]
}

const part = (what: string, names: ReadonlyArray<string>) => (names.length === 0 ? [] : [`${what}: ${list(names)};`])

/** Groups equal notices of several files. */
const grouped = (report: ReadonlyArray<Notice>): ReadonlyArray<string> => {
  const placesByMessage = new Map<string, Array<string>>()
  for (const notice of report) {
    const places = placesByMessage.get(notice.message) ?? []
    placesByMessage.set(notice.message, [...places, ...placeOf(notice)])
  }
  return Array.from(placesByMessage, ([message, places]) =>
    places.length > 1 ? `  ${message}:\n    ${list(places)}` : `  ${[...places, message].join(": ")}`
  )
}

const placeOf = ({ file }: Notice): ReadonlyArray<string> => (file === undefined ? [] : [file])
