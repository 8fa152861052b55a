/** A database in memory: its collections, and what can be done with them. Every method throws what it refuses. */
import { ObjectId } from "bson"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import { ChangeLog, type HistoryLost } from "./changeLog.ts"
import { MemoryCollection } from "./collection.ts"
import * as Language from "./mongoLanguage.ts"
import * as Updates from "./updates.ts"

/** Two documents of one `_id`. */
export class DuplicateKey extends Schema.TaggedError<DuplicateKey>()("DuplicateKey", { message: Schema.String }) {}

interface Find {
  readonly filter: Document
  readonly projection?: Document | undefined
  readonly sort?: Document | undefined
  readonly skip?: number | undefined
  readonly limit?: number | undefined
}

type Change =
  | {
      readonly _tag: "Update"
      readonly update: Updates.Update
      readonly arrayFilters?: ReadonlyArray<Document> | undefined
    }
  | { readonly _tag: "Replace"; readonly document: Document }

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

export class Store {
  readonly #name: string
  readonly #life: string
  readonly #collections = new Map<string, { readonly data: MemoryCollection; readonly log: ChangeLog }>()

  constructor(name: string, life: string) {
    this.#name = name
    this.#life = life
  }

  #open(name: string) {
    let found = this.#collections.get(name)
    if (found === undefined) {
      const log = new ChangeLog({ db: this.#name, coll: name }, this.#life)
      this.#collections.set(name, (found = { data: new MemoryCollection(), log }))
    }
    return found
  }

  collection(name: string): MemoryCollection {
    return this.#open(name).data
  }

  insert(name: string, input: Document, now: Date): unknown {
    const document = documentOf(Bson.stored(input), "what is inserted")
    return this.#add(name, document, now)
  }

  #add(name: string, document: Document, now: Date): unknown {
    const { data, log } = this.#open(name)
    const id = document["_id"] ?? new ObjectId()
    if (Array.isArray(id) || id instanceof RegExp)
      throw new Error(`The '_id' value cannot be of type ${Bson.typeName(id)}`)
    const key = Bson.key(id)
    if (data.documents.has(key)) {
      throw new DuplicateKey({
        message: `Duplicate key error: E11000 duplicate key error collection: ${this.#name}.${name} index: _id_ dup key: { _id: ${key} }`
      })
    }
    const withId = { _id: id, ...document, ...(document["_id"] === null ? { _id: id } : undefined) }
    data.put(key, withId)
    log.add({ operationType: "insert", id, document: withId }, now.getTime())
    return id
  }

  /** The documents that match, as they are stored. */
  matching(name: string, { filter, limit, skip, sort }: Find): ReadonlyArray<Document> {
    const wanted = criteria(filter, "a filter")
    const matches = Language.matcher(wanted)
    const from = whole(skip, "skip")
    // as in MongoDB, no limit
    const most = whole(limit, "limit") || Infinity
    const found: Array<Document> = []
    for (const document of this.collection(name).candidates(wanted)) {
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

  find(name: string, find: Find, now: Date): ReadonlyArray<Document> {
    return this.#project(name, this.matching(name, find), find.projection, now)
  }

  #project(
    name: string,
    found: ReadonlyArray<Document>,
    projection: Document | undefined,
    now: Date
  ): ReadonlyArray<Document> {
    const copies = found.map(own)
    if (projection === undefined || Object.keys(projection).length === 0) return copies
    const fields = criteria(projection, "a projection")
    const positional = Object.keys(fields).find((field) => field.endsWith(".$"))
    if (positional !== undefined) {
      throw new Error(`the projection "${positional}" is not supported by this server: use $elemMatch`)
    }
    return Language.aggregate(copies, [{ $project: plain(fields) }], { wide: this.collection(name).wide, now })
  }

  #changed(document: Document, change: Change, filter: Document, now: Date, inserting: boolean): Document {
    if (change._tag === "Update" && (!Bson.isDocument(change.update) || Updates.hasOperators(change.update))) {
      const update = Bson.isDocument(change.update)
        ? Bson.criteria(change.update)
        : Bson.narrow(Bson.criteria(change.update))
      const arrayFilters = (change.arrayFilters ?? []).map((it) => criteria(it, "an array filter"))
      const operators = Array.isArray(update)
        ? update.map((stage) => documentOf(stage, "a stage"))
        : documentOf(update, "an update")
      const changed = Updates.apply(own(document), operators, { filter, arrayFilters, now, inserting })
      return documentOf(Bson.stored(changed), "what an update makes")
    }
    const replacement = documentOf(
      Bson.stored(change._tag === "Replace" ? change.document : change.update),
      "a replacement"
    )
    const operator = Object.keys(replacement).find((field) => field.startsWith("$"))
    if (operator !== undefined)
      throw new Error(`the replacement document must not contain update operators, but has ${operator}`)
    const id = document["_id"]
    if (id !== undefined && "_id" in replacement && !Bson.equals(replacement["_id"], id)) {
      throw new Error("the (immutable) field '_id' was found to have been altered")
    }
    return id === undefined ? replacement : { ...replacement, _id: id }
  }

  /** Puts a changed document in the place of another; answers with whether it differs. */
  #write(
    name: string,
    before: Document,
    change: Change,
    filter: Document,
    now: Date
  ): readonly [after: Document, modified: boolean] {
    const { data, log } = this.#open(name)
    const after = this.#changed(before, change, filter, now, false)
    const id = before["_id"]
    const key = Bson.key(id)
    if (Bson.key(before) === Bson.key(after)) return [before, false]
    data.put(key, after)
    const replaces =
      change._tag === "Replace" || (Bson.isDocument(change.update) && !Updates.hasOperators(change.update))
    log.add(
      replaces
        ? { operationType: "replace", id, document: after }
        : { operationType: "update", id, document: after, before },
      now.getTime()
    )
    return [after, true]
  }

  #upsert(name: string, filter: Document, change: Change, now: Date): Document {
    const seed = Updates.seedOf(filter)
    const base = change._tag === "Replace" ? ("_id" in seed ? { _id: seed["_id"] } : {}) : seed
    const document = this.#changed(base, change, {}, now, true)
    const id = this.#add(name, document, now)
    return this.collection(name).documents.get(Bson.key(id)) ?? document
  }

  update(
    name: string,
    {
      change,
      filter: input,
      many = false,
      upsert = false
    }: {
      readonly filter: Document
      readonly change: Change
      readonly many?: boolean | undefined
      readonly upsert?: boolean | undefined
    },
    now: Date
  ): { readonly matchedCount: number; readonly modifiedCount: number; readonly upsertedId?: unknown } {
    const filter = criteria(input, "a filter")
    if (many && change._tag === "Update" && Bson.isDocument(change.update) && !Updates.hasOperators(change.update)) {
      throw new Error("multi update is not supported for replacement-style update")
    }
    const found = this.matching(name, { filter: input, ...(many ? undefined : { limit: 1 }) })
    if (found.length === 0 && upsert) {
      return {
        matchedCount: 0,
        modifiedCount: 0,
        upsertedId: Bson.copy(this.#upsert(name, filter, change, now)["_id"])
      }
    }
    let modifiedCount = 0
    for (const document of found) if (this.#write(name, document, change, filter, now)[1]) modifiedCount++
    return { matchedCount: found.length, modifiedCount }
  }

  delete(
    name: string,
    { filter, many = false }: { readonly filter: Document; readonly many?: boolean | undefined },
    now: Date
  ): number {
    const found = this.matching(name, { filter, ...(many ? undefined : { limit: 1 }) })
    for (const document of found) this.#remove(name, document, now)
    return found.length
  }

  #remove(name: string, document: Document, now: Date): void {
    const { data, log } = this.#open(name)
    const id = document["_id"]
    data.delete(Bson.key(id))
    log.add({ operationType: "delete", id }, now.getTime())
  }

  findOneAnd(
    name: string,
    find: {
      readonly filter: Document
      readonly change: Change | { readonly _tag: "Delete" }
      readonly projection?: Document | undefined
      readonly sort?: Document | undefined
      readonly upsert?: boolean | undefined
      readonly returnNew?: boolean | undefined
    },
    now: Date
  ): Document | undefined {
    const { change, projection, returnNew, sort, upsert } = find
    const filter = criteria(find.filter, "a filter")
    const before = this.matching(name, { filter: find.filter, sort, limit: 1 })[0]
    const shown = (document: Document) => this.#project(name, [document], projection, now)[0]
    if (change._tag === "Delete") {
      if (before === undefined) return undefined
      const result = shown(before)
      this.#remove(name, before, now)
      return result
    }
    if (before !== undefined) {
      // a projection that cannot be must not leave a change behind
      const old = shown(before)
      const [after] = this.#write(name, before, change, filter, now)
      return returnNew === true ? shown(after) : old
    }
    if (upsert !== true) return undefined
    const inserted = this.#upsert(name, filter, change, now)
    return returnNew === true ? shown(inserted) : undefined
  }

  aggregate(name: string, input: ReadonlyArray<Document>, now: Date): ReadonlyArray<Document> {
    const pipeline = input.map((stage) => plain(criteria(stage, "a stage of a pipeline")))
    const [first, ...rest] = pipeline
    // a first `$match` finds by the indexes
    const match = first !== undefined && Object.keys(first).length === 1 ? first["$match"] : undefined
    const found = this.matching(name, { filter: match === undefined ? {} : documentOf(match, "$match") })
    const wide = [...this.#collections.values()].some(({ data }) => data.wide)
    const results = Language.aggregate(found.map(plain), match === undefined ? pipeline : rest, {
      wide,
      now,
      resolver: (other) => Array.from(this.collection(other).documents.values(), plain)
    })
    return results.map((result) => documentOf(Bson.stored(result), "a result"))
  }

  distinct(name: string, field: string, filter: Document): ReadonlyArray<unknown> {
    const values = new Map<string, unknown>()
    for (const document of this.matching(name, { filter })) {
      for (const value of Language.valuesAt(document, field)) {
        const key = Bson.key(value)
        if (!values.has(key)) values.set(key, Bson.copy(value))
      }
    }
    return [...values.values()]
  }

  watch(
    name: string,
    { filter, resumeAfter }: { readonly filter?: Document | undefined; readonly resumeAfter?: unknown }
  ): Stream.Stream<Document, HistoryLost> {
    const { log } = this.#open(name)
    const matches = Language.matcher(criteria(filter ?? {}, "a filter"))
    return log.from(log.start(resumeAfter)).pipe(Stream.filter(matches), Stream.map(own))
  }
}
