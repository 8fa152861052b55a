/** The feed of a database trigger: the change events of a collection, a database or a data source. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  type Database,
  type DatabaseError,
  type Document,
  isUnavailable,
  type Namespace,
  type Watched
} from "../data/Database.ts"
import type { App } from "../model/App.ts"
import type { DatabaseTrigger } from "../model/Trigger.ts"
import { type Feed, FeedFailed, FeedLost } from "./feed.ts"

type Event = Document

/** MongoDB's numbers of the errors of a stream that cannot be continued. */
const lost = new Set<number | undefined>([280, 286])

/** The databases of MongoDB itself, and of the service. */
const isInternal = (database: unknown): boolean =>
  database === "admin" || database === "local" || database === "config" || String(database).startsWith("__realm_sync")

const isIncluded = (value: unknown): boolean => value !== 0 && value !== false

/** Keeps the type of the operation, which functions need and projections of the hosted service never hid. */
const projectionOf = (project: Document): Document | undefined => {
  const fields = Object.entries(project)
  if (fields.length === 0) return undefined
  const includes = fields.some(([name, value]) => name !== "_id" && isIncluded(value))
  return includes ? { ...project, operationType: 1 } : project
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined

const failed = (error: DatabaseError) =>
  new FeedFailed({ message: error.message, ...(isUnavailable(error) && { unavailable: true }) })

const tokenOf = (token: unknown): string => String(fieldOf(token, "_data"))

/** Creates the feed of a trigger. */
export const feed = (database: Database["Service"], app: App, trigger: DatabaseTrigger): Feed => {
  const watched: Watched = {
    appId: app.id,
    service: trigger.service,
    database: trigger.database,
    collection: trigger.collection
  }
  const projection = projectionOf(trigger.project)
  const selects = Object.keys(trigger.match).length > 0 || projection !== undefined

  const concerns = ({ ns, operationType }: Event): boolean =>
    typeof operationType === "string" &&
    trigger.operations.has(operationType) &&
    (trigger.database !== undefined || !isInternal(fieldOf(ns, "db")))

  const namespaceOf = ({ ns }: Event): Namespace => ({
    appId: app.id,
    service: trigger.service,
    database: String(fieldOf(ns, "db")),
    collection: String(fieldOf(ns, "coll"))
  })

  /** The document of an update as it is now; null if it was deleted since. */
  const current = (event: Event) =>
    Effect.map(
      database.find(namespaceOf(event), { filter: { _id: { $eq: fieldOf(event["documentKey"], "_id") } }, limit: 1 }),
      ([document]) => document ?? null
    )

  const seen = (event: Event): Effect.Effect<Document, DatabaseError> => {
    if (event["operationType"] !== "update") return Effect.succeed(event)
    const { fullDocument: _, ...rest } = event
    return trigger.fullDocument
      ? Effect.map(current(event), (fullDocument) => ({ ...rest, fullDocument }))
      : Effect.succeed(rest)
  }

  /** The argument of the function; `undefined` if the event does not match. */
  const argument = Effect.fnUntraced(function* (event: Event) {
    const document = yield* seen(event)
    if (!selects) return [document]
    // the event alone stands in the place of the collection
    const [matched] = yield* database.run({
      _tag: "Find",
      namespace: namespaceOf(event),
      filter: trigger.match,
      projection,
      view: { _tag: "Documents", documents: [document] }
    })
    return matched && [matched]
  })

  const parts = (resumeAfter: unknown) =>
    Stream.unwrap(database.changes(watched, { resumeAfter, before: trigger.fullDocumentBeforeChange }))

  return {
    now: Stream.runHead(parts(undefined)).pipe(
      Effect.map((part) => Option.match(part, { onNone: () => "", onSome: ({ token }) => tokenOf(token) })),
      Effect.mapError(failed)
    ),
    open: (position) =>
      parts({ _data: position }).pipe(
        Stream.map(({ events, token }) => ({
          position: tokenOf(token),
          events: events.filter(concerns).map((event) => ({
            position: tokenOf(event["_id"]),
            args: Effect.mapError(argument(event), failed)
          }))
        })),
        Stream.mapError((error) =>
          lost.has(error.code) ? new FeedLost({ message: `its events are lost: ${error.message}` }) : failed(error)
        )
      )
  }
}
