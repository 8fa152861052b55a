/**
 * The documents of the hosted applications: enough for custom user data and for the functions that keep it.
 *
 * In memory, by application, data source, database and collection. Documents go in and come out as copies.
 *
 * @since 0.1.0
 */
import { ObjectId } from "bson"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { isDate } from "node:util/types"
import * as Ejson from "../protocol/Ejson.ts"

/**
 * A document.
 *
 * @category models
 * @since 0.1.0
 */
export type Document = Record<string, unknown>

/**
 * Names a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace {
  readonly appId: string
  readonly service: string
  readonly database: string
  readonly collection: string
}

/**
 * What an update did.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateResult {
  readonly matchedCount: number
  readonly modifiedCount: number
  readonly upsertedId?: unknown
}

/**
 * Documents by collection. Filters compare top-level fields for equality; the first document inserted is found first.
 *
 * @category services
 * @since 0.1.0
 */
export class Database extends Context.Service<
  Database,
  {
    /** Inserts a document and answers its `_id`, which it gets if it has none. */
    readonly insertOne: (namespace: Namespace, document: Document) => Effect.Effect<unknown>
    readonly findOne: (namespace: Namespace, filter: Document) => Effect.Effect<Document | undefined>
    readonly updateOne: (
      namespace: Namespace,
      filter: Document,
      set: Document,
      options?: { readonly upsert?: boolean }
    ) => Effect.Effect<UpdateResult>
  }
>()("effect-app-services/server/Database") {
  /** Keeps everything in memory, for the life of the layer. */
  static readonly layerMemory: Layer.Layer<Database> = Layer.sync(Database, () => makeMemory())
}

const makeMemory = (): Database["Service"] => {
  const collections = new Map<string, Array<Document>>()
  const documents = ({ appId, collection, database, service }: Namespace): Array<Document> => {
    const key = JSON.stringify([appId, service, database, collection])
    let found = collections.get(key)
    if (found === undefined) collections.set(key, (found = []))
    return found
  }
  const insert = (namespace: Namespace, document: Document): unknown => {
    const stored = copyDocument(document)
    const withId = "_id" in stored ? stored : { _id: new ObjectId(), ...stored }
    documents(namespace).push(withId)
    return withId["_id"]
  }

  return Database.of({
    insertOne: (namespace, document) => Effect.sync(() => insert(namespace, document)),
    findOne: (namespace, filter) =>
      Effect.sync(() => {
        const found = documents(namespace).find((document) => matches(document, filter))
        return found === undefined ? undefined : copyDocument(found)
      }),
    updateOne: (namespace, filter, set, options) =>
      Effect.sync(() => {
        const found = documents(namespace).find((document) => matches(document, filter))
        if (found === undefined) {
          if (options?.upsert !== true) return { matchedCount: 0, modifiedCount: 0 }
          return { matchedCount: 0, modifiedCount: 0, upsertedId: insert(namespace, { ...filter, ...set }) }
        }
        for (const [key, value] of Object.entries(copyDocument(set))) define(found, key, value)
        return { matchedCount: 1, modifiedCount: 1 }
      })
  })
}

const matches = (document: Document, filter: Document): boolean =>
  Object.entries(filter).every(([key, value]) => Object.hasOwn(document, key) && equals(document[key], value))

/** Values are equal when their canonical forms are: types count, whichever realm or copy of `bson` they come from. */
const equals = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b
  return Option.getOrUndefined(canonical(a)) === Option.getOrElse(canonical(b), () => "")
}
const canonical = (value: unknown) => Result.getSuccess(Ejson.stringify(value))

/** Copies what may be of another JavaScript realm into plain values of this one; BSON values are shared. */
export const copy = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  if (isDate(value)) return new Date(value.getTime())
  if (Array.isArray(value)) return Array.from(value, copy)
  if ("_bsontype" in value || ArrayBuffer.isView(value)) return value
  return copyDocument({ ...value })
}

const copyDocument = (document: Document): Document => {
  const out: Document = {}
  for (const [key, value] of Object.entries(document)) define(out, key, copy(value))
  return out
}

/** Sets a key; a plain assignment to `__proto__` would change the prototype. */
const define = (document: Document, key: string, value: unknown): void => {
  if (key !== "__proto__") document[key] = value
  else Object.defineProperty(document, key, { value, enumerable: true, configurable: true, writable: true })
}
