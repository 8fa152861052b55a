/**
 * What `serve` tells at its start: what of an application is there, what is amiss, and what clients need to know.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { type App, type Notice, providerTypes } from "../server/model/App.ts"
import { list } from "./terminal.ts"

/** An application, and the directory that it came from. */
export interface Loaded {
  readonly directory: string
  readonly app: App
}

/** Where everything is. */
export interface Places {
  readonly baseUrl: string
  /** Where users and documents are kept. */
  readonly storage: string
  /** How to read the inbox. */
  readonly inbox: string
}

/** Tells people about a server that has started. */
export const announce = (loaded: ReadonlyArray<Loaded>, { baseUrl, inbox, storage }: Places) =>
  Effect.gen(function* () {
    for (const { app, directory } of loaded) {
      yield* Console.log([`${app.id}  (${directory})`, ...partsOf(app).map((line) => `  ${line}`)].join("\n"))
    }
    for (const { app } of loaded) {
      if (app.report.length === 0) continue
      yield* Console.log([`\nworth knowing about ${app.id}:`, ...grouped(app.report)].join("\n"))
    }
    yield* Console.log(
      [
        "",
        ...loaded.map(
          ({ app }) =>
            `clients      new Realm.App({ id: ${JSON.stringify(app.id)}, baseUrl: ${JSON.stringify(baseUrl)} })`
        ),
        `inbox        ${inbox}`,
        `\nlistening on ${baseUrl}, everything ${storage}; stop with Ctrl+C`
      ].join("\n")
    )
  })

/** The reports of all applications, a line each, for scripts. */
export const notices = (loaded: ReadonlyArray<Loaded>): ReadonlyArray<string> =>
  loaded.flatMap(({ app }) => app.report.map((notice) => [app.id, ...placeOf(notice), notice.message].join(": ")))

const partsOf = (app: App): ReadonlyArray<string> => {
  const functions = [...app.functions.values()]
  const callable = functions.filter((fn) => !fn.private && !fn.closed && fn.body._tag !== "Broken")
  const others = functions.length - callable.length
  return [
    `log in with  ${list(providerTypes(app))}`,
    `functions    ${list(callable.map(({ name }) => name))}${others === 0 ? "" : `; ${others} not for clients, or not usable`}`,
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

/** What is the same of several files is said once. */
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
