/** Commands about the server, and about the size of what it holds. */
import * as Effect from "effect/Effect"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { type Document, nameOf, type Namespace } from "../../data/Operation.ts"
import { type Call, collectionsOf, type Command, type Handler, namespaceOf } from "../internal/Call.ts"
import { failure } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import { hostInfo, parameters } from "./greetings.ts"

/** How many documents a collection has, and their bytes. */
interface Size {
  readonly count: number
  readonly size: number
}

/** Adds up a collection. */
export const sizeOf = (
  { operations }: Pick<Call, "operations">,
  namespace: Namespace
): Effect.Effect<Size, DatabaseError> =>
  Effect.map(
    operations.aggregate(namespace, [
      { $group: { _id: null, count: { $sum: 1 }, size: { $sum: { $bsonSize: "$$ROOT" } } } }
    ]),
    ([total]) => ({ count: Fields.numberOf(total?.["count"]) ?? 0, size: Fields.numberOf(total?.["size"]) ?? 0 })
  )

const averageOf = ({ count, size }: Size): number => (count === 0 ? 0 : Math.floor(size / count))

const scaleField = Fields.optional(Fields.number)

const dbStats: Handler = Effect.fnUntraced(function* (call) {
  const { scale = 1 } = yield* Fields.read(call.request, {
    dbStats: Fields.anything,
    scale: scaleField,
    freeStorage: Fields.ignored
  })
  const collections = yield* collectionsOf(call, call.database)
  const sizes = yield* Effect.forEach(collections, (name) => sizeOf(call, namespaceOf(call, name)))
  const total = sizes.reduce<Size>((sum, { count, size }) => ({ count: sum.count + count, size: sum.size + size }), {
    count: 0,
    size: 0
  })
  return {
    db: call.database,
    collections: collections.length,
    views: 0,
    objects: total.count,
    avgObjSize: averageOf(total),
    dataSize: total.size / scale,
    storageSize: total.size / scale,
    indexes: collections.length,
    indexSize: 0,
    totalSize: total.size / scale,
    scaleFactor: scale,
    ok: 1
  }
})

const collStats: Handler = Effect.fnUntraced(function* (call) {
  const { collStats, scale } = yield* Fields.read(call.request, { collStats: Fields.text, scale: scaleField })
  const namespace = namespaceOf(call, collStats)
  return { ns: nameOf(namespace), ...(yield* storageOf(call, namespace, scale)), ok: 1 }
})

const storageOf = Effect.fnUntraced(function* (call: Call, namespace: Namespace, scale = 1) {
  const total = yield* sizeOf(call, namespace)
  const indexes = yield* call.server.database.indexes(namespace)
  return {
    count: total.count,
    size: total.size / scale,
    avgObjSize: averageOf(total),
    storageSize: total.size / scale,
    totalSize: total.size / scale,
    nindexes: indexes.length,
    totalIndexSize: 0,
    indexSizes: {},
    capped: false,
    scaleFactor: scale
  }
})

/** What the stage `$collStats` begins with. */
export const collectionStatistics = Effect.fnUntraced(function* (call: Call, namespace: Namespace, stage: unknown) {
  const asked = yield* Effect.try({
    try: () =>
      Fields.readAll(
        Fields.document(stage, "$collStats"),
        {
          count: Fields.optional(Fields.document),
          latencyStats: Fields.refused,
          queryExecStats: Fields.refused,
          storageStats: Fields.optional((value, name) =>
            Fields.readAll(Fields.document(value, name), { scale: scaleField }, name)
          )
        },
        "$collStats"
      ),
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })
  const statistics: Document = { ns: nameOf(namespace), host: call.server.address }
  if (asked.storageStats !== undefined) {
    statistics["storageStats"] = yield* storageOf(call, namespace, asked.storageStats.scale)
  }
  if (asked.count !== undefined) statistics["count"] = (yield* sizeOf(call, namespace)).count
  return statistics
})

const getParameter: Handler = Effect.fnUntraced(function* ({ request }) {
  const all = request["getParameter"] === "*"
  const found = Object.entries(parameters).filter(([name]) => all || Object.hasOwn(request, name))
  return found.length > 0
    ? { ...Object.fromEntries(found), ok: 1 }
    : yield* failure("InvalidOptions", "no option found to get")
})

/** What shells ask at the beginning. */
const getLog: Handler = () => Effect.succeed({ totalLinesWritten: 0, log: [], ok: 1 })

const getCmdLineOpts: Handler = () => Effect.succeed({ argv: ["effect-app-services"], parsed: {}, ok: 1 })

const whatsmyuri: Handler = ({ connection }) => Effect.succeed({ you: `connection ${connection.id}`, ok: 1 })

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  dbStats: { handler: dbStats },
  collStats: { handler: collStats },
  hostInfo: { handler: () => hostInfo },
  getParameter: { handler: getParameter },
  getLog: { handler: getLog },
  getCmdLineOpts: { handler: getCmdLineOpts },
  whatsmyuri: { handler: whatsmyuri }
}
