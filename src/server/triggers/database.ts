/** Database triggers: change events of a collection, from the start of the server on. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Database, DatabaseError, Document, Namespace } from "../data/Database.ts"
import type { App } from "../model/App.ts"
import type { DatabaseTrigger } from "../model/Trigger.ts"
import type { Fire } from "./firing.ts"

/** Events of one unordered trigger that are processed at the same time. */
const together = 64

/** Events that one trigger has not processed yet, at most: with more, the stream behind it loses its place. */
const mostWaiting = 100_000

type Event = Document

const isIncluded = (value: unknown): boolean => value !== 0 && value !== false

/** Keeps the type of the operation, which functions need and projections of the hosted service never hid. */
const projectionOf = (project: Document): Document | undefined => {
  const fields = Object.entries(project)
  if (fields.length === 0) return undefined
  const includes = fields.some(([name, value]) => name !== "_id" && isIncluded(value))
  return includes ? { ...project, operationType: 1 } : project
}

const namespaceOf = (app: App, { collection, database, service }: DatabaseTrigger): Namespace => ({
  appId: app.id,
  service,
  database,
  collection
})

const idOf = ({ documentKey }: Event): unknown =>
  typeof documentKey === "object" && documentKey !== null && "_id" in documentKey ? documentKey._id : undefined

/** An event as the function gets it; `undefined` where it does not concern the trigger. */
const prepare = Effect.fnUntraced(function* (
  database: Database["Service"],
  namespace: Namespace,
  trigger: DatabaseTrigger,
  event: Event
) {
  const { operationType } = event
  if (typeof operationType !== "string" || !trigger.operations.has(operationType)) return undefined
  const { fullDocument: _, ...rest } = event
  const seen: Document =
    operationType !== "update"
      ? event
      : trigger.fullDocument
        ? { ...rest, fullDocument: yield* current(database, namespace, event) }
        : rest
  const projection = projectionOf(trigger.project)
  if (Object.keys(trigger.match).length === 0 && projection === undefined) return seen
  // the event alone stands in the place of the collection
  const [matched] = yield* database.run({
    _tag: "Find",
    namespace,
    filter: trigger.match,
    projection,
    view: { _tag: "Documents", documents: [seen] }
  })
  return matched
})

/** The document of an update as it is now; null where it was deleted since. */
const current = (database: Database["Service"], namespace: Namespace, event: Event) =>
  Effect.map(
    database.find(namespace, { filter: { _id: { $eq: idOf(event) } }, limit: 1 }),
    ([document]) => document ?? null
  )

/**
 * Opens the stream of a trigger; the effect that it answers with fires the trigger for each event, without end. Where
 * events are lost, since too many waited, it says so in the log and goes on with those that come.
 */
export const open = (
  database: Database["Service"],
  app: App,
  trigger: DatabaseTrigger,
  fire: Fire
): Effect.Effect<Effect.Effect<void>, DatabaseError> => {
  const namespace = namespaceOf(app, trigger)
  const watch = database.watch(namespace, { before: trigger.fullDocumentBeforeChange })
  const handle = (event: Event) =>
    prepare(database, namespace, trigger, event).pipe(
      Effect.matchEffect({
        onSuccess: (argument) => (argument === undefined ? Effect.void : fire(trigger, [argument])),
        onFailure: ({ message }) =>
          Effect.logError(`the trigger "${trigger.name}" skipped an event: ${message}`).pipe(
            Effect.annotateLogs({ app: app.id, trigger: trigger.name })
          )
      })
    )
  const consume = (events: Stream.Stream<Event, DatabaseError>) =>
    events.pipe(
      Stream.buffer({ capacity: mostWaiting }),
      Stream.mapEffect(handle, { concurrency: trigger.unordered ? together : 1, unordered: trigger.unordered }),
      Stream.runDrain
    )
  const lost = ({ message }: DatabaseError) =>
    Effect.logError(`the trigger "${trigger.name}" lost events and goes on with the next ones: ${message}`).pipe(
      Effect.annotateLogs({ app: app.id, trigger: trigger.name })
    )
  const again = Effect.flatMap(watch, consume).pipe(Effect.tapError(lost), Effect.retry(Schedule.spaced("1 second")))
  return Effect.map(watch, (first) =>
    consume(first).pipe(
      Effect.tapError(lost),
      Effect.catch(() => Effect.orDie(again))
    )
  )
}
