import { Effect, Logger } from "effect"
import { Database } from "effect-app-services/server/data/Database"

export const place = (collection: string, database = "d") => ({ appId: "my-app", service: "m", database, collection })

/** A function that keeps what it is called with. */
export const recorder = (name: string) => `exports = async (...args) => {
  const { id, type } = context.user
  await context.services.get("m").db("d").collection("log").insertOne({
    trigger: "${name}", args: EJSON.stringify(args), as: [id, context.runningAsSystem()]
  })
}`

export const recorders = (names: ReadonlyArray<string>) =>
  Object.fromEntries(names.map((name) => [name, recorder(name)]))

/** The files of an application with these triggers. */
export const base = (triggers: Record<string, object>) => ({
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "auth/providers.json": {
    "anon-user": { name: "anon-user", type: "anon-user" },
    "local-userpass": { name: "local-userpass", type: "local-userpass", config: { autoConfirm: true } }
  },
  ...Object.fromEntries(
    Object.entries(triggers).map(([name, trigger]) => [`triggers/${name}.json`, { name, ...trigger }])
  )
})

export const onDocuments = (function_name: string, config: object) => ({
  type: "DATABASE",
  event_processors: { FUNCTION: { config: { function_name } } },
  config: { service_name: "m", database: "d", collection: "orders", operation_types: ["INSERT"], ...config }
})

/** The log of the servers. */
export const lines: Array<string> = []
export const logging = Logger.layer([Logger.make(({ message }) => lines.push([message].flat().map(String).join(" ")))])

export interface Logged {
  readonly trigger: string
  readonly args: ReadonlyArray<unknown>
  readonly as: unknown
}

const moment = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))

/** Waits, in real time, until an effect returns true. */
export const until = <E, R>(holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(holds, (it) => (it ? Effect.void : Effect.andThen(moment, until(holds))))

/** What a trigger's function was called with, once it was so often. */
export const logged = (trigger: string, count: number): Effect.Effect<ReadonlyArray<Logged>, never, Database> =>
  Effect.gen(function* () {
    const database = yield* Database
    const find = Effect.orDie(database.find(place("log"), { filter: { trigger } }))
    yield* until(Effect.map(find, (found) => found.length >= count))
    return (yield* find).map(({ args, as }) => ({
      trigger,
      as,
      args: JSON.parse(String(args)) as ReadonlyArray<unknown>
    }))
  })

export const events = (trigger: string, count: number) =>
  Effect.map(logged(trigger, count), (all) => all.map(({ args }) => args[0] as Record<string, unknown>))
