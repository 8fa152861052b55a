/** What one operation reads and writes in the collections of a database in memory. Every method throws what it refuses. */
import { ObjectId } from "bson"
import * as Bson from "../internal/bson.ts"
import * as Changes from "../internal/changes.ts"
import * as Evaluate from "../internal/evaluate.ts"
import { criteria, documentOf, plain } from "../internal/evaluate.ts"
import { DuplicateKey } from "../internal/failures.ts"
import * as Language from "../internal/mongoLanguage.ts"
import * as Stages from "../internal/stages.ts"
import {
  type Answer,
  type Change,
  type Delete,
  type Document,
  type Find,
  type FindOneAnd,
  type Kind,
  nameOf,
  type Namespace,
  type Operation,
  type Update,
  type UpdateResult
} from "../Operation.ts"
import * as View from "../View.ts"
import type { Batch } from "./batch.ts"
import type { Collections } from "./collections.ts"
import type { Collection } from "./documents.ts"
import * as Output from "./output.ts"

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

type Query = Find & Pick<Operation<"Find">, "view">

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
        const document = Evaluate.stored(input, "what is inserted")
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

  get #environment(): Evaluate.Environment {
    const { now, random } = this.#place
    return { now, random, wide: this.#wide }
  }

  /** The documents that match, as they are stored or as a view shows them. */
  matching({ filter, limit, skip, sort, view }: Query): ReadonlyArray<Document> {
    const wanted = criteria(filter, "a filter")
    const matches = Language.matcher(wanted)
    const from = whole(skip, "skip")
    // as in MongoDB, no limit
    const most = whole(limit, "limit") || Infinity
    const found: Array<Document> = []
    for (const document of view === undefined ? this.#candidates(wanted) : this.#seen(view)) {
      if (!matches(document)) continue
      found.push(document)
      if (sort === undefined && found.length === from + most) break
    }
    return Evaluate.sorted(found, sort).slice(from, from + most)
  }

  #candidates(filter: Document): Iterable<Document> {
    return this.#batch.candidates(this.#collection, filter)
  }

  /** The documents that a view shows, one after the other: those that are not asked for are not made. */
  *#seen(view: View.View): Iterable<Document> {
    if (view._tag === "Documents") return yield* view.documents
    const filter = criteria(view.filter, "a filter")
    const matches = Language.matcher(filter)
    for (const document of this.#candidates(filter)) {
      const shown = matches(document) ? View.shown(view.cases, document) : undefined
      if (shown !== undefined) yield shown
    }
  }

  find(find: Query): ReadonlyArray<Document> {
    return Evaluate.project(this.matching(find), find.projection, find.filter, this.#environment)
  }

  /** Puts a changed document in the place of another; answers with whether it differs. */
  #write(before: Document, after: Document, change: Change): boolean {
    const id = before["_id"]
    if (Bson.key(before) === Bson.key(after)) return false
    this.#batch.write(this.#collection, Bson.key(id), after, {
      operationType: Changes.replacementOf(change) !== undefined ? "replace" : "update",
      id,
      document: after,
      before
    })
    return true
  }

  #upsert(filter: Document, change: Change): Document {
    return this.#add(Evaluate.upsertOf(filter, change, this.#place.now))
  }

  update({ change, filter: input, many = false, upsert = false }: Update): UpdateResult {
    const filter = criteria(input, "a filter")
    Evaluate.checkChange(change, many)
    const found = this.matching({ filter: input, ...(many ? undefined : { limit: 1 }) })
    if (found.length === 0 && upsert) {
      return { matchedCount: 0, modifiedCount: 0, upsertedId: Bson.copy(this.#upsert(filter, change)["_id"]) }
    }
    let modifiedCount = 0
    for (const before of found) {
      if (this.#write(before, Evaluate.applyChange(before, change, filter, this.#place.now), change)) modifiedCount++
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
    if (change._tag !== "Delete") Evaluate.checkChange(change)
    const before = this.matching({ filter: find.filter, sort, limit: 1 })[0]
    const shown = (document: Document) => Evaluate.project([document], projection, find.filter, this.#environment)[0]
    if (change._tag === "Delete") {
      if (before === undefined) return undefined
      this.#remove(before)
      return shown(before)
    }
    if (before !== undefined) {
      const after = Evaluate.applyChange(before, change, filter, this.#place.now)
      this.#write(before, after, change)
      return shown(returnNew === true ? after : before)
    }
    if (upsert !== true) return undefined
    const inserted = this.#upsert(filter, change)
    return returnNew === true ? shown(inserted) : undefined
  }

  aggregate({
    joins,
    pipeline: input,
    view
  }: Omit<Operation<"Aggregate">, "_tag" | "namespace">): ReadonlyArray<Document> {
    const pipeline = input.map((stage) => plain(criteria(stage, "a stage of a pipeline")))
    Stages.check(pipeline)
    const output = Output.of(pipeline)
    const { found, stages } = this.#opening(output === undefined ? pipeline : pipeline.slice(0, -1), view)
    const resolver = (collection: string) => {
      const other = { ...this.#namespace, collection }
      return new Statement(this.#place, other).matching({ filter: {}, view: joins?.get(nameOf(other)) }).map(plain)
    }
    const results = Language.aggregate(found.map(plain), stages, { ...this.#environment, resolver }).map((result) =>
      Evaluate.stored(result, "a result")
    )
    if (output === undefined) return results
    if (this.#place.inTransaction) throw new Error("$out and $merge are not allowed in a transaction")
    const { collection, database = this.#namespace.database } = output
    output.write(results, new Statement(this.#place, { ...this.#namespace, database, collection }), this.#environment)
    return []
  }

  /** What a pipeline begins with, and the stages behind that: a first `$match` finds by the indexes. */
  #opening(
    pipeline: ReadonlyArray<Document>,
    view: View.View | undefined
  ): { readonly found: ReadonlyArray<Document>; readonly stages: ReadonlyArray<Document> } {
    const [first, ...rest] = pipeline
    if (first !== undefined && "$indexStats" in first) return { found: this.#indexStats(), stages: rest }
    const match = first !== undefined && Object.keys(first).length === 1 ? first["$match"] : undefined
    return match === undefined
      ? { found: this.matching({ filter: {}, view }), stages: pipeline }
      : { found: this.matching({ filter: documentOf(match, "$match"), view }), stages: rest }
  }

  #indexStats(): ReadonlyArray<Document> {
    return this.#collection.data.indexes.map((field) => ({
      name: `${field}_${field === "_id" ? "" : "1"}`,
      key: { [field]: 1 }
    }))
  }

  distinct({ field, ...query }: { readonly field: string } & Query): ReadonlyArray<unknown> {
    const values = new Map<string, unknown>()
    for (const document of this.matching(query)) {
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
  Distinct: (statement, distinct) => ({ answer: statement.distinct(distinct) }),
  Aggregate: (statement, aggregate) => ({ answer: statement.aggregate(aggregate) }),
  Update: (statement, update) => ({ answer: statement.update(update) }),
  Delete: (statement, deletion) => ({ answer: statement.delete(deletion) }),
  FindOneAnd: (statement, find) => ({ answer: statement.findOneAnd(find) })
}

/** Executes an operation in a batch. */
export const execute = <K extends Kind>(place: Place, operation: Operation<K>): Outcome<K> =>
  statements[operation._tag](new Statement(place, operation.namespace), operation)
