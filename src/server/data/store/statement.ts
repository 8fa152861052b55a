/** What one operation reads and writes in the collections of a database in memory. Every method throws what it refuses. */
import { ObjectId } from "bson"
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Changes from "../internal/changes.ts"
import { DuplicateKey } from "../internal/failures.ts"
import * as Language from "../internal/mongoLanguage.ts"
import * as Projections from "../internal/projections.ts"
import * as Stages from "../internal/stages.ts"
import * as Updates from "../internal/updates.ts"
import type {
  Answer,
  Change,
  Delete,
  Find,
  FindOneAnd,
  Kind,
  Namespace,
  Operation,
  Update,
  UpdateResult
} from "../Operation.ts"
import type { Batch } from "./batch.ts"
import type { Collections } from "./collections.ts"
import type { Collection } from "./documents.ts"
import * as Output from "./output.ts"

const documentOf = (value: unknown, what: string): Document => {
  if (Bson.isDocument(value)) return value
  throw new Error(`${what} must be a document`)
}
const criteria = (value: unknown, what: string): Document => documentOf(Bson.criteria(value), what)
const own = (document: Document): Document => documentOf(Bson.copy(document), "a result")

const plain = (document: Document): Document => documentOf(Bson.narrow(document), "a result")

const whole = (value: number | undefined, what: string): number => {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Error(`${what} must be a whole number, and not negative`)
}

/** Where statements read and write. */
export interface Place {
  readonly collections: Collections
  readonly batch: Batch
  readonly inTransaction: boolean
  readonly now: Date
  /** A number from 0 to 1, without 1. */
  readonly random: () => number
}

/** What is done with one collection in one step. */
class Statement {
  readonly #place: Place
  readonly #namespace: Namespace
  readonly #collection: Collection

  constructor(place: Place, namespace: Namespace) {
    this.#place = place
    this.#namespace = namespace
    this.#collection = place.collections.open(namespace)
  }

  get #batch(): Batch {
    return this.#place.batch
  }

  get #wide(): boolean {
    return this.#batch.wide || this.#place.collections.wide
  }

  /** Inserts in order, up to the first document that cannot be: why, is the failure. */
  insert(documents: ReadonlyArray<Document>): { readonly ids: ReadonlyArray<unknown>; readonly failure?: unknown } {
    const ids: Array<unknown> = []
    try {
      for (const input of documents) {
        const document = documentOf(Bson.stored(input), "what is inserted")
        ids.push(Bson.copy(this.#add(document)["_id"]))
      }
      return { ids }
    } catch (failure) {
      // what a transaction began it does not leave half done
      if (this.#place.inTransaction) throw failure
      return { ids, failure }
    }
  }

  #add(document: Document): Document {
    const id = document["_id"] ?? new ObjectId()
    const type = Bson.typeName(id)
    if (type === "array" || type === "regex") throw new Error(`The '_id' value cannot be of type ${type}`)
    const key = Bson.key(id)
    if (this.#batch.get(this.#collection, key) !== undefined) {
      throw new DuplicateKey({
        message: `Duplicate key error: E11000 duplicate key error collection: ${this.#collection.name} index: _id_ dup key: { _id: ${key} }`
      })
    }
    const withId = { _id: id, ...document, ...(document["_id"] === null ? { _id: id } : undefined) }
    this.#batch.write(this.#collection, key, withId, { operationType: "insert", id, document: withId })
    return withId
  }

  /** The documents that match, as they are stored. */
  matching({ filter, limit, skip, sort }: Find): ReadonlyArray<Document> {
    const wanted = criteria(filter, "a filter")
    const matches = Language.matcher(wanted)
    const from = whole(skip, "skip")
    // as in MongoDB, no limit
    const most = whole(limit, "limit") || Infinity
    const found: Array<Document> = []
    for (const document of this.#batch.candidates(this.#collection, wanted)) {
      if (!matches(document)) continue
      found.push(document)
      if (sort === undefined && found.length === from + most) break
    }
    return (
      sort === undefined || Object.keys(sort).length === 0
        ? found
        : Language.sort(found, plain(criteria(sort, "a sort order")))
    ).slice(from, from + most)
  }

  find(find: Find): ReadonlyArray<Document> {
    return this.#project(this.matching(find), find.projection, find.filter)
  }

  #project(
    found: ReadonlyArray<Document>,
    projection: Document | undefined,
    filter: Document
  ): ReadonlyArray<Document> {
    const copies = found.map(own)
    if (projection === undefined || Object.keys(projection).length === 0) return copies
    const fields: Document = {}
    for (const [field, value] of Object.entries(criteria(projection, "a projection"))) {
      if (field.endsWith(".$")) Projections.positional(copies, field.slice(0, -2), criteria(filter, "a filter"))
      Bson.define(fields, field.endsWith(".$") ? field.slice(0, -2) : field, value)
    }
    const stages = Projections.stagesOf(plain(fields))
    return Language.aggregate(copies, stages, { ...this.#place, wide: this.#wide })
  }

  #changed(document: Document, change: Change, filter: Document, inserting: boolean): Document {
    if (change._tag === "Update" && !Changes.isReplacement(change.update)) {
      const update = Bson.isDocument(change.update)
        ? Bson.criteria(change.update, Bson.stored)
        : Bson.narrow(Bson.criteria(change.update, Bson.stored))
      const arrayFilters = (change.arrayFilters ?? []).map((it) => criteria(it, "an array filter"))
      const operators = Array.isArray(update)
        ? update.map((stage) => documentOf(stage, "a stage"))
        : documentOf(update, "an update")
      const changed = Updates.apply(own(document), operators, {
        filter,
        arrayFilters,
        now: this.#place.now,
        inserting
      })
      return documentOf(Bson.stored(changed), "what an update makes")
    }
    const replacement = documentOf(
      Bson.stored(change._tag === "Replace" ? change.document : change.update),
      "a replacement"
    )
    const id = document["_id"]
    if (id !== undefined && "_id" in replacement && !Bson.equals(replacement["_id"], id)) {
      throw new Error("the (immutable) field '_id' was found to have been altered")
    }
    return id === undefined ? replacement : { ...replacement, _id: id }
  }

  /** Puts a changed document in the place of another; answers with whether it differs. */
  #write(before: Document, after: Document, change: Change): boolean {
    const id = before["_id"]
    if (Bson.key(before) === Bson.key(after)) return false
    const replaces = change._tag === "Replace" || Changes.isReplacement(change.update)
    this.#batch.write(this.#collection, Bson.key(id), after, {
      operationType: replaces ? "replace" : "update",
      id,
      document: after,
      before
    })
    return true
  }

  #upsert(filter: Document, change: Change): Document {
    const seed = Updates.seedOf(filter)
    const base = change._tag === "Replace" ? ("_id" in seed ? { _id: seed["_id"] } : {}) : seed
    return this.#add(this.#changed(base, change, {}, true))
  }

  update({ change, filter: input, many = false, upsert = false }: Update): UpdateResult {
    const filter = criteria(input, "a filter")
    Updates.check(change)
    if (many && change._tag === "Update" && Changes.isReplacement(change.update)) {
      throw new Error("multi update is not supported for replacement-style update")
    }
    const found = this.matching({ filter: input, ...(many ? undefined : { limit: 1 }) })
    if (found.length === 0 && upsert) {
      return { matchedCount: 0, modifiedCount: 0, upsertedId: Bson.copy(this.#upsert(filter, change)["_id"]) }
    }
    let modifiedCount = 0
    for (const before of found) {
      if (this.#write(before, this.#changed(before, change, filter, false), change)) modifiedCount++
    }
    return { matchedCount: found.length, modifiedCount }
  }

  delete({ filter, many = false }: Delete): number {
    const found = this.matching({ filter, ...(many ? undefined : { limit: 1 }) })
    for (const document of found) this.#remove(document)
    return found.length
  }

  #remove(document: Document): void {
    const id = document["_id"]
    this.#batch.write(this.#collection, Bson.key(id), undefined, { operationType: "delete", id })
  }

  findOneAnd(find: FindOneAnd): Document | undefined {
    const { change, projection, returnNew, sort, upsert } = find
    const filter = criteria(find.filter, "a filter")
    if (change._tag !== "Delete") Updates.check(change)
    const before = this.matching({ filter: find.filter, sort, limit: 1 })[0]
    const shown = (document: Document) => this.#project([document], projection, find.filter)[0]
    if (change._tag === "Delete") {
      if (before === undefined) return undefined
      this.#remove(before)
      return shown(before)
    }
    if (before !== undefined) {
      const after = this.#changed(before, change, filter, false)
      this.#write(before, after, change)
      return shown(returnNew === true ? after : before)
    }
    if (upsert !== true) return undefined
    const inserted = this.#upsert(filter, change)
    return returnNew === true ? shown(inserted) : undefined
  }

  aggregate(input: ReadonlyArray<Document>): ReadonlyArray<Document> {
    const pipeline = input.map((stage) => plain(criteria(stage, "a stage of a pipeline")))
    const inDatabase = (collection: string) => new Statement(this.#place, { ...this.#namespace, collection })
    Stages.check(pipeline)
    const output = Output.of(pipeline)
    const [first, ...rest] = output === undefined ? pipeline : pipeline.slice(0, -1)
    // a first `$match` finds by the indexes
    const match = first !== undefined && Object.keys(first).length === 1 ? first["$match"] : undefined
    const stats = first !== undefined && "$indexStats" in first
    const found = stats
      ? this.#collection.data.indexes.map((field) => ({
          name: `${field}_${field === "_id" ? "" : "1"}`,
          key: { [field]: 1 }
        }))
      : this.matching({ filter: match === undefined ? {} : documentOf(match, "$match") })
    const stages = first === undefined ? [] : match === undefined && !stats ? [first, ...rest] : rest
    const resolver = (other: string) => inDatabase(other).matching({ filter: {} }).map(plain)
    const results = Language.aggregate(found.map(plain), stages, {
      ...this.#place,
      wide: this.#wide,
      resolver
    }).map((result) => documentOf(Bson.stored(result), "a result"))
    if (output === undefined) return results
    if (this.#place.inTransaction) throw new Error("$out and $merge are not allowed in a transaction")
    const { collection, database = this.#namespace.database } = output
    output.write(results, new Statement(this.#place, { ...this.#namespace, database, collection }), {
      ...this.#place,
      wide: this.#wide
    })
    return []
  }

  distinct(field: string, filter: Document): ReadonlyArray<unknown> {
    const values = new Map<string, unknown>()
    for (const document of this.matching({ filter })) {
      for (const value of Language.valuesAt(document, field)) {
        const key = Bson.key(value)
        if (!values.has(key)) values.set(key, Bson.copy(value))
      }
    }
    return [...values.values()]
  }
}

/** What an operation comes to, and why an `Insert` stopped before its end. */
interface Outcome<K extends Kind> {
  readonly answer: Answer<K>
  readonly failure?: unknown
}

const statements: { readonly [K in Kind]: (statement: Statement, operation: Operation<K>) => Outcome<K> } = {
  Insert: (statement, { documents }) => {
    const { ids, ...stopped } = statement.insert(documents)
    return { answer: ids, ...stopped }
  },
  Find: (statement, find) => ({ answer: statement.find(find) }),
  Count: (statement, find) => ({ answer: statement.matching(find).length }),
  Distinct: (statement, { field, filter }) => ({ answer: statement.distinct(field, filter) }),
  Aggregate: (statement, { pipeline }) => ({ answer: statement.aggregate(pipeline) }),
  Update: (statement, update) => ({ answer: statement.update(update) }),
  Delete: (statement, deletion) => ({ answer: statement.delete(deletion) }),
  FindOneAnd: (statement, find) => ({ answer: statement.findOneAnd(find) })
}

/** Executes an operation in a batch. */
export const execute = <K extends Kind>(place: Place, operation: Operation<K>): Outcome<K> =>
  statements[operation._tag](new Statement(place, operation.namespace), operation)
