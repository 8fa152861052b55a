/**
 * The contract of `Database`: a suite of tests for another database behind the embedded server.
 *
 * It works with any test framework: pass the framework's `it` or `test` function. Values are compared as BSON; the classes of
 * numbers and the order of fields do not count.
 *
 * @example
 * ```ts
 * import { Database } from "effect-app-services/server/data/Database"
 * import { DatabaseContract } from "effect-app-services/testing"
 * import { it } from "vitest"
 *
 * DatabaseContract.suite("memory", Database.layerMemory, it)
 * ```
 *
 * @since 0.1.0
 */
import { Binary, BSONRegExp, Decimal128, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } from "bson"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import {
  type Change,
  Database,
  type DatabaseError,
  type Document,
  type Namespace,
  transientLabel
} from "../server/data/Database.ts"
import { date, filters, id, refusedFilters, refusedUpdates, same, sample, updates } from "./internal/databaseCases.ts"
import { ContractViolation, type Register } from "./TokenStoreContract.ts"

/**
 * Registers the contract's tests for a database. Each test uses its own database name, so that a persistent database works
 * too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = <E>(
  name: string,
  layer: Layer.Layer<Database, E>,
  register: Register,
  { applications = "separate" }: Options = {}
): void => {
  const all = applications === "separate" ? { ...rules, ...separation } : rules
  for (const [rule, check] of Object.entries(all)) {
    register(`${name}: ${rule}`, () =>
      Effect.runPromise(
        Effect.gen(function* () {
          const database = `contract-${new ObjectId().toHexString()}`
          yield* check(yield* Database, { appId: "contract", service: "mongodb-atlas", database, collection: "c" })
        }).pipe(Effect.provide(layer, { local: true }))
      )
    )
  }
}

/**
 * What databases may differ in.
 *
 * @category options
 * @since 0.2.0
 */
export interface Options {
  /**
   * Whether the documents of each application are separate, or applications share the databases of a data source.
   *
   * @default "separate"
   */
  readonly applications?: "separate" | "shared" | undefined
}

type Check = (
  database: Database["Service"],
  namespace: Namespace
) => Effect.Effect<void, DatabaseError | ContractViolation>

/** A canonical text of a value: equal for numbers of different classes, and for fields in any order. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value === "number" || value instanceof Int32) return `n${Number(value)}`
  if (value instanceof Long) return `n${value.toString()}`
  if (value instanceof Date) return `t${value.getTime()}`
  if (value instanceof Binary) return `b${value.sub_type}:${value.toString("hex")}`
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null)
  if ("_bsontype" in value) return `${String(value._bsontype)}:${JSON.stringify(value)}`
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
    .toSorted()
    .join()}}`
}

const expectEqual = (what: string, actual: unknown, expected: unknown) =>
  canonical(actual) === canonical(expected)
    ? Effect.void
    : new ContractViolation({ message: `${what}: expected ${canonical(expected)}, got ${canonical(actual)}` })

const expectFailure = Effect.fnUntraced(function* (
  what: string,
  effect: Effect.Effect<unknown, DatabaseError>,
  code?: number
) {
  const error = yield* Effect.flip(Effect.asVoid(effect)).pipe(
    Effect.mapError(() => new ContractViolation({ message: `${what}: expected a failure` }))
  )
  if (code !== undefined) yield* expectEqual(`the code of ${what}`, error.code, code)
  return error
})

const all = (database: Pick<Database["Service"], "find">, namespace: Namespace) =>
  database.find(namespace, { filter: {}, sort: { _id: 1 } })

const idsOf = (documents: ReadonlyArray<Document>) => documents.map(({ _id }) => _id)

const change = (update: Document | ReadonlyArray<Document>, arrayFilters?: ReadonlyArray<Document>): Change => ({
  _tag: "Update",
  update,
  arrayFilters
})

const separation: Record<string, Check> = {
  "the documents of applications are separate": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [{ a: 1 }])
    yield* expectEqual("elsewhere", yield* database.count({ ...namespace, appId: "x" }, { filter: {} }), 0)
  })
}

const rules: Record<string, Check> = {
  "documents come back with the types they had": Effect.fnUntraced(function* (database, namespace) {
    const document = {
      _id: id,
      values: [1, -0.5, 2 ** 40, Long.MAX_VALUE, Decimal128.fromString("1.10"), "ü 🦊", true, null, date(-1)],
      more: [
        new UUID(),
        new Binary(Uint8Array.from([1]), 128),
        new BSONRegExp("a", "i"),
        new Timestamp({ t: 1, i: 2 })
      ],
      ends: [new MinKey(), new MaxKey()],
      nested: { a: [{ b: [[]] }], ["__proto__"]: 1 }
    }
    yield* expectEqual("the ids", yield* database.insert(namespace, [document]), [id])
    yield* expectEqual("the document", yield* all(database, namespace), [document])
  }),

  "a document without an _id gets one": Effect.fnUntraced(function* (database, namespace) {
    const ids = yield* database.insert(namespace, [{ n: 1 }, { n: 2 }])
    yield* expectEqual("what was found", idsOf(yield* database.find(namespace, { filter: {}, sort: { n: 1 } })), ids)
  }),

  "no two documents have the same _id": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [{ _id: id }, { _id: 1 }, { _id: Decimal128.fromString("1.5") }])
    for (const [i, _id] of [same, Long.fromNumber(1), Decimal128.fromString("1.50")].entries()) {
      yield* expectFailure(`insert ${i}`, database.insert(namespace, [{ _id }]), 11_000)
    }
    yield* expectFailure("insert", database.insert(namespace, [{ _id: 2 }, { _id: 1 }, { _id: 3 }]), 11_000)
    // those before the one that is refused are in
    yield* expectEqual("numbers", idsOf(yield* database.find(namespace, { filter: { _id: { $in: [2, 3] } } })), [2])
  }),

  "collections are separate and are listed": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [{ a: 1 }])
    yield* database.insert({ ...namespace, collection: "a/b %" }, [{ a: 1 }, { a: 1 }])
    for (const elsewhere of [{ collection: "x" }, { database: `${namespace.database}-x` }, { service: "x" }]) {
      yield* expectEqual("elsewhere", yield* database.count({ ...namespace, ...elsewhere }, { filter: {} }), 0)
    }
    yield* expectEqual("names", yield* database.collections(namespace), ["a/b %", "c"])
    const elsewhere = { ...namespace, database: "0+1%" }
    yield* database.insert(elsewhere, [{ a: 1 }])
    const databases = yield* database.databases(namespace)
    yield* expectEqual("databases", databases, ["0+1%", namespace.database].toSorted())
    yield* expectEqual("databases elsewhere", yield* database.databases({ ...namespace, service: "x" }), [])
  }),

  "filters find what MongoDB finds": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, sample)
    for (const indexed of [false, true]) {
      if (indexed) for (const field of ["v", "tags", "items.k"]) yield* database.index(namespace, field)
      for (const [filter, ids] of filters) {
        const found = yield* database.find(namespace, { filter, sort: { _id: 1 } })
        yield* expectEqual(`${canonical(filter)}${indexed ? " by an index" : ""}`, idsOf(found), ids)
        yield* expectEqual(`count ${canonical(filter)}`, yield* database.count(namespace, { filter }), ids.length)
      }
    }
    for (const filter of refusedFilters) {
      yield* expectFailure(canonical(filter), database.find(namespace, { filter }))
      yield* expectFailure(`delete ${canonical(filter)}`, database.delete(namespace, { filter, many: true }))
    }
    yield* expectEqual("documents", yield* database.count(namespace, { filter: {} }), sample.length)
  }),

  "sorting follows the order of BSON": Effect.fnUntraced(function* (database, namespace) {
    const values = [true, id, "x", { a: 1 }, 3, Decimal128.fromString("2.5"), null, date(0), 2]
    yield* database.insert(
      namespace,
      values.map((v, i) => ({ _id: i, v, even: i % 2 === 0 }))
    )
    const sorted = (sort: Document, more = {}) =>
      Effect.map(database.find(namespace, { filter: {}, sort, ...more }), idsOf)
    yield* expectEqual("ascending", yield* sorted({ v: 1 }), [6, 8, 5, 4, 2, 3, 1, 0, 7])
    yield* expectEqual("a part", yield* sorted({ v: -1 }, { skip: 1, limit: 2 }), [0, 1])
    yield* expectEqual("by two fields", yield* sorted({ even: 1, v: -1 }), [7, 1, 3, 5, 0, 2, 4, 8, 6])
    yield* expectFailure("a wrong direction", sorted({ v: 2 }))
  }),

  "projections return a part of a document": Effect.fnUntraced(function* (database, namespace) {
    const document = { _id: 1, a: { b: 1, c: 2 }, l: [{ x: 1 }, { x: 2 }] }
    yield* database.insert(namespace, [document])
    const cases: ReadonlyArray<readonly [Document, Document, Document?]> = [
      [{ "a.b": 1 }, { _id: 1, a: { b: 1 } }],
      [
        { "a.b": 0, l: 0 },
        { _id: 1, a: { c: 2 } }
      ],
      [{ _id: 0, "l.x": 1 }, { l: [{ x: 1 }, { x: 2 }] }],
      [{ l: { $slice: 1 } }, { ...document, l: [{ x: 1 }] }],
      [
        { l: { $slice: -1 }, "a.b": 1 },
        { _id: 1, a: { b: 1 }, l: [{ x: 2 }] }
      ],
      [{ l: { $elemMatch: { x: 2 } } }, { _id: 1, l: [{ x: 2 }] }],
      [{ "l.$": 1 }, { _id: 1, l: [{ x: 2 }] }, { "l.x": 2 }],
      [{ _id: 0, n: { $add: ["$a.b", "$a.c"] } }, { n: 3 }]
    ]
    for (const [projection, expected, filter = {}] of cases) {
      const found = yield* database.find(namespace, { filter, projection })
      yield* expectEqual(canonical(projection), found, [expected])
    }
    yield* expectFailure("a mixture", database.find(namespace, { filter: {}, projection: { a: 1, l: 0 } }))
  }),

  "updates change what MongoDB changes": Effect.fnUntraced(function* (database, namespace) {
    for (const [before, update, after, filter = {}, arrayFilters] of updates) {
      const collection = { ...namespace, collection: new ObjectId().toHexString() }
      yield* database.insert(collection, [{ _id: 1, ...before }])
      yield* database.update(collection, { filter, change: change(update, arrayFilters) })
      yield* expectEqual(canonical(update), yield* all(database, collection), [{ _id: 1, ...after }])
    }
  }),

  "updates that cannot be made change nothing": Effect.fnUntraced(function* (database, namespace) {
    for (const [before, update, , filter = {}, arrayFilters] of refusedUpdates) {
      const collection = { ...namespace, collection: new ObjectId().toHexString() }
      yield* database.insert(collection, [{ _id: 1, ...before }])
      const options = { filter, change: change(update, arrayFilters) }
      yield* expectFailure(canonical(update), database.update(collection, options))
      yield* expectEqual(canonical(update), yield* all(database, collection), [{ _id: 1, ...before }])
    }
  }),

  "updates report what they matched, modified and inserted": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [
      { _id: 1, a: 1 },
      { _id: 2, a: 1 },
      { _id: 3, a: 2 }
    ])
    const update = (filter: Document, set: Document, options: { many?: boolean; upsert?: boolean } = {}) =>
      database.update(namespace, { filter, change: change({ $set: set }), ...options })
    yield* expectEqual("one", yield* update({ a: 1 }, { b: 1 }), { matchedCount: 1, modifiedCount: 1 })
    const many = yield* update({ a: 1 }, { b: 1 }, { many: true })
    yield* expectEqual("many", many, { matchedCount: 2, modifiedCount: 1 })
    yield* expectEqual("none", yield* update({ a: 9 }, { b: 1 }), { matchedCount: 0, modifiedCount: 0 })
    const upserted = yield* update({ _id: "new", a: 9, n: { $gt: 1 } }, { b: 1 }, { upsert: true })
    yield* expectEqual("upsert", upserted, { matchedCount: 0, modifiedCount: 0, upsertedId: "new" })
    yield* expectEqual("inserted", yield* database.find(namespace, { filter: { a: 9 } }), [{ _id: "new", a: 9, b: 1 }])
    yield* database.update(namespace, { filter: { _id: 3 }, change: { _tag: "Replace", document: { x: 1 } } })
    yield* expectEqual("replaced", yield* database.find(namespace, { filter: { x: 1 } }), [{ _id: 3, x: 1 }])
    yield* expectEqual("deleted", yield* database.delete(namespace, { filter: { b: 1 } }), 1)
    yield* expectEqual("all deleted", yield* database.delete(namespace, { filter: {}, many: true }), 3)
    yield* expectEqual("left", yield* all(database, namespace), [])
  }),

  "findOneAnd returns the document before or after its change": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [
      { _id: 1, n: 1 },
      { _id: 2, n: 2 }
    ])
    const more = { filter: {}, change: change({ $inc: { n: 10 } }), sort: { n: -1 } } as const
    yield* expectEqual("before", yield* database.findOneAnd(namespace, more), { _id: 2, n: 2 })
    const after = yield* database.findOneAnd(namespace, { ...more, projection: { _id: 0 }, returnNew: true })
    yield* expectEqual("after", after, { n: 22 })
    yield* expectEqual("none", yield* database.findOneAnd(namespace, { ...more, filter: { n: 0 } }), undefined)
    const replace: Change = { _tag: "Replace", document: { x: 1 } }
    const options = { filter: { _id: 3 }, change: replace, upsert: true, returnNew: true }
    yield* expectEqual("upserted", yield* database.findOneAnd(namespace, options), { _id: 3, x: 1 })
    const deleted = yield* database.findOneAnd(namespace, { filter: { _id: 1 }, change: { _tag: "Delete" } })
    yield* expectEqual("deleted", deleted, { _id: 1, n: 1 })
    yield* expectEqual("left", idsOf(yield* all(database, namespace)), [2, 3])
  }),

  "pipelines join, group and write": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert({ ...namespace, collection: "users" }, [{ _id: id, name: "Ada" }])
    yield* database.insert(namespace, [
      { _id: 1, user: same, n: 2 },
      { _id: 2, user: id, n: 3 },
      { _id: 3, user: null, n: 4 }
    ])
    const totals = [
      { $group: { _id: "$user", total: { $sum: "$n" } } },
      { $lookup: { from: "users", localField: "_id", foreignField: "_id", as: "user" } },
      { $unwind: "$user" },
      { $project: { total: 1, name: "$user.name" } }
    ]
    const expected = [{ _id: id, total: 5, name: "Ada" }]
    yield* expectEqual("totals", yield* database.aggregate(namespace, totals), expected)
    yield* expectEqual("written", yield* database.aggregate(namespace, [...totals, { $out: "totals" }]), [])
    yield* expectEqual("found", yield* all(database, { ...namespace, collection: "totals" }), expected)
    const [first] = yield* database.aggregate(namespace, [{ $match: { _id: 1 } }, { $set: { n: 99 } }])
    yield* expectEqual("computed", first?.["n"], 99)
    yield* expectEqual("kept", yield* database.count(namespace, { filter: { n: 99 } }), 0)
    const values = yield* database.distinct(namespace, "user", {})
    yield* expectEqual("distinct", values.map(canonical).toSorted(), [id, null].map(canonical).toSorted())
    yield* expectFailure("an unknown stage", database.aggregate(namespace, [{ $what: {} }]))
    yield* expectFailure(
      "an unknown accumulator",
      database.aggregate(namespace, [{ $group: { _id: 1, n: { $what: 1 } } }])
    )
  }),

  "strings are compared under a collation, and expressions see variables": Effect.fnUntraced(
    function* (database, namespace) {
      const collation = { locale: "en", strength: 2 }
      yield* database.insert(namespace, [
        { _id: 1, name: "ada", n: 1 },
        { _id: 2, name: "Bob", n: 2 },
        { _id: 3, name: "ADA", n: 3 }
      ])
      const found = yield* database.find(namespace, { filter: { name: "Ada" }, sort: { _id: 1 }, collation })
      yield* expectEqual("found", idsOf(found), [1, 3])
      const sorted = yield* database.find(namespace, { filter: {}, sort: { name: 1, _id: -1 }, collation })
      yield* expectEqual("sorted", idsOf(sorted), [3, 1, 2])
      yield* expectEqual(
        "counted",
        yield* database.count(namespace, { filter: { name: { $gt: "ADA" } }, collation }),
        1
      )
      const names = yield* database.distinct(namespace, "name", {}, { collation })
      yield* expectEqual("distinct", names.map((name) => String(name).toLowerCase()).toSorted(), ["ada", "bob"])
      const groups = [{ $group: { _id: "$name", n: { $sum: "$n" } } }, { $sort: { n: 1 } }, { $project: { _id: 0 } }]
      const grouped = yield* database.aggregate(namespace, groups, { collation })
      yield* expectEqual("grouped", grouped, [{ n: 2 }, { n: 4 }])
      const least = { least: { $add: [1, 1] } }
      const above = { $expr: { $gt: ["$n", "$$least"] } }
      yield* expectEqual("variables", idsOf(yield* database.find(namespace, { filter: above, let: least })), [3])
      const stages = [{ $match: { _id: 1 } }, { $project: { least: "$$least" } }]
      yield* expectEqual("in a pipeline", yield* database.aggregate(namespace, stages, { let: least }), [
        { _id: 1, least: 2 }
      ])
      const update = { _tag: "Update", update: [{ $set: { n: "$$least" } }] } as const
      const updated = yield* database.update(namespace, {
        filter: { name: "ADA" },
        change: update,
        many: true,
        let: least,
        collation
      })
      yield* expectEqual("updated", updated, { matchedCount: 2, modifiedCount: 2 })
      const sum = yield* database.count(namespace, { filter: { n: 2 } })
      yield* expectEqual("to the variable", sum, 3)
      const deletion = { filter: { name: "BOB" }, collation, many: true }
      yield* expectEqual("deleted", yield* database.delete(namespace, deletion), 1)
    }
  ),

  "changes are emitted in order, and resumed after a token": Effect.fnUntraced(function* (database, namespace) {
    yield* database.insert(namespace, [{ _id: 0 }])
    const changes = yield* database.watch(namespace, {})
    const three = yield* Effect.forkChild(Stream.runCollect(Stream.take(changes, 3)), { startImmediately: true })
    yield* database.insert(namespace, [{ _id: 1, a: { b: 1, c: 2 } }])
    const update = change({ $set: { "a.b": 2 }, $unset: { "a.c": "" } })
    yield* database.update(namespace, { filter: { _id: 1 }, change: update })
    yield* database.delete(namespace, { filter: { _id: 1 } })
    const events = yield* Fiber.join(three)
    const types = (all: ReadonlyArray<Document>) => all.map(({ operationType }) => operationType)
    yield* expectEqual("types", types(events), ["insert", "update", "delete"])
    yield* expectEqual(
      "documents",
      events.map((it) => it["documentKey"]),
      [{ _id: 1 }, { _id: 1 }, { _id: 1 }]
    )
    yield* expectEqual("inserted", events[0]?.["fullDocument"], { _id: 1, a: { b: 1, c: 2 } })
    const before = (all: ReadonlyArray<Document>) => all.map((it) => it["fullDocumentBeforeChange"])
    yield* expectEqual("before, unasked", before(events), [undefined, undefined, undefined])
    const withBefore = yield* database.watch(namespace, { resumeAfter: events[0]?.["_id"], before: true })
    yield* expectEqual("before", before(yield* Stream.runCollect(Stream.take(withBefore, 1))), [
      { _id: 1, a: { b: 1, c: 2 } }
    ])
    const more = yield* database.watch(namespace, { resumeAfter: events[0]?.["_id"] })
    yield* expectEqual("resumed", types(yield* Stream.runCollect(Stream.take(more, 2))), ["update", "delete"])
    const filtered = yield* database.watch(namespace, {
      resumeAfter: events[0]?.["_id"],
      filter: { operationType: "delete", "documentKey._id": 1 }
    })
    yield* expectEqual("filtered", types(yield* Stream.runCollect(Stream.take(filtered, 1))), ["delete"])
  }),

  "a transaction sees its own changes, others see them after the commit": Effect.fnUntraced(
    function* (database, namespace) {
      yield* database.insert(namespace, [
        { _id: 1, n: 1 },
        { _id: 2, n: 2 }
      ])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const transaction = yield* database.transaction
          yield* transaction.update(namespace, { filter: { n: 1 }, change: change({ $inc: { n: 10 } }) })
          yield* transaction.delete(namespace, { filter: { _id: 2 } })
          yield* transaction.insert(namespace, [{ _id: 3, n: 3 }])
          yield* expectEqual("inside", yield* all(transaction, namespace), [
            { _id: 1, n: 11 },
            { _id: 3, n: 3 }
          ])
          yield* expectEqual("counted inside", yield* transaction.count(namespace, { filter: { n: { $gt: 2 } } }), 2)
          yield* expectEqual("outside", yield* all(database, namespace), [
            { _id: 1, n: 1 },
            { _id: 2, n: 2 }
          ])
          yield* transaction.commit
          yield* expectFailure("an operation after the commit", transaction.insert(namespace, [{ _id: 4 }]))
        })
      )
      yield* expectEqual("after", yield* all(database, namespace), [
        { _id: 1, n: 11 },
        { _id: 3, n: 3 }
      ])
    }
  ),

  "a transaction that is aborted, abandoned or failed changes nothing": Effect.fnUntraced(
    function* (database, namespace) {
      yield* database.insert(namespace, [{ _id: 1 }])
      const changes = yield* database.watch(namespace, {})
      const begun = Effect.tap(database.transaction, (it) => it.insert(namespace, [{ _id: 2 }]))
      yield* Effect.scoped(Effect.flatMap(begun, ({ abort }) => abort))
      yield* Effect.scoped(begun)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const transaction = yield* begun
          yield* expectFailure("a duplicate", transaction.insert(namespace, [{ _id: 1 }]), 11_000)
          yield* expectFailure("a commit after it", transaction.commit)
        })
      )
      yield* database.insert(namespace, [{ _id: 3 }])
      yield* expectEqual("left", idsOf(yield* all(database, namespace)), [1, 3])
      const [first] = yield* Stream.runCollect(Stream.take(changes, 1))
      yield* expectEqual("the first change", first?.["documentKey"], { _id: 3 })
    }
  ),

  "of two transactions that change the same document, one fails with a retryable write conflict": Effect.fnUntraced(
    function* (database, namespace) {
      yield* database.insert(namespace, [
        { _id: 1, n: 1 },
        { _id: 2, n: 1 }
      ])
      const increment = (_id: number) => ({ filter: { _id }, change: change({ $inc: { n: 1 } }) })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = [yield* database.transaction, yield* database.transaction]
          yield* all(a, namespace)
          yield* all(b, namespace)
          yield* a.update(namespace, increment(1))
          yield* b.update(namespace, increment(2))
          yield* a.commit
          yield* expectEqual("what the other sees", yield* b.count(namespace, { filter: { n: 2 } }), 1)
          const late = Effect.andThen(b.update(namespace, increment(1)), b.commit)
          const { labels } = yield* expectFailure("the other", late, 112)
          yield* expectEqual("its labels", labels?.includes(transientLabel), true)
        })
      )
      yield* expectEqual("after", yield* all(database, namespace), [
        { _id: 1, n: 2 },
        { _id: 2, n: 1 }
      ])
    }
  )
}
