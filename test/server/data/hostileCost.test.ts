/** What costs too much is given up, whatever it is, changes nothing, and lets others have their turn. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Result, Stream } from "effect"
import { App } from "effect-app-services/server"
import { Database, DatabaseError, type Document, type Operations } from "effect-app-services/server/data/Database"
import * as Rules from "../../../src/server/data/Rules.ts"
import * as Texts from "../../../src/server/data/Texts.ts"
import * as UserDatabase from "../../../src/server/data/UserDatabase.ts"
import { bounded } from "../../../src/server/data/Database.ts"
import { Limits } from "../../../src/server/data/internal/steps.ts"
import { anonymous, ask, inProcess, path } from "../support.ts"
import { given, stranger } from "./asking.ts"

const times = <A>(n: number, make: (i: number) => A): Array<A> => Array.from({ length: n }, (_, i) => make(i))
const fields = (n: number, value: unknown): Document => Object.fromEntries(times(n, (i) => [`f${i}`, value]))

/** What is asked below computes many times as much, and what backtracks takes many times as long on any machine. */
const impatient = Effect.provideService(Limits, { steps: 20_000, values: 80_000, time: Duration.millis(10) })

/** As much as it takes to open a stream. */
const patient = Effect.provideService(Limits, { steps: 1_000_000, values: 1_000_000, time: Duration.millis(200) })

const backtracking = { text: { $regex: "^(a+)+$" } }
const text = `${"a".repeat(40)}!`

/** Filters that take long for the documents below. */
const filters: ReadonlyArray<readonly [string, Document]> = [
  ["$or of 2,000 conditions", { $or: times(2_000, (i) => ({ [`f${i}`]: 1 })) }],
  ["$nor of 2,000 conditions", { $nor: times(2_000, (i) => ({ [`f${i}`]: 1 })) }],
  [
    "$or inside $and",
    { $and: times(50, (i) => ({ $or: [...times(50, (j) => ({ [`f${j}`]: i })), { _id: { $gt: -1 } }] })) }
  ],
  ["2,000 fields", { ...fields(2_000, { $exists: false }), last: 1 }],
  ["$all of 3,000 values of an array", { list: { $all: times(3_000, (i) => i) } }],
  ["$elemMatch of 500 conditions", { $or: times(500, (i) => ({ list: { $elemMatch: { $lt: -i } } })) }],
  ["a regular expression", backtracking],
  ["a regular expression inside $in", { text: { $in: [{ $regularExpression: { pattern: "^(a+)+$", options: "" } }] } }]
]

const changes: ReadonlyArray<readonly [string, Document]> = [
  ["operators for 1,000 fields", { $set: fields(1_000, 1) }],
  ["$pull by a regular expression", { $pull: { texts: { $regex: "^(a+)+$" } } }],
  ["$push of 5,000 values to each", { $push: { list: { $each: times(5_000, (i) => i) } } }],
  ["places in arrays", { $set: { "list.1499999": 1 } }]
]

const double = { $set: { list: { $concatArrays: ["$list", "$list"] } } }
const wide = { $set: { many: { $range: [0, 1000] } } }

const documents = [
  ...times(1_000, (_id): Document => ({ _id, owner: stranger.id, text: "b", texts: [text], list: [_id] })),
  { _id: -1, owner: stranger.id, text, texts: [text], list: times(3_000, (i) => i) }
]

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }

const exceeded = { error: "operation exceeded time limit", error_code: "ExecutionTimeLimitExceeded" }

const app = App.make({ id: "my-app", providers: { anonymous: true }, mongodb: { "mongodb-atlas": "open" } })

layer(inProcess(app))("a client that asks for too much", (it) => {
  /** A collection of its own. */
  const collection = Effect.fnUntraced(function* () {
    const { access_token } = yield* anonymous()
    const name = access_token.slice(-20)
    const run = (operation: string, argument: object) =>
      ask("POST", path("my-app", "functions/call"), {
        token: access_token,
        raw: JSON.stringify({
          name: operation,
          service: "mongodb-atlas",
          arguments: [{ database: "hostile", collection: name, ...argument }]
        })
      })
    assert.strictEqual((yield* run("insertMany", { documents })).status, 200)
    const all = Effect.map(run("find", {}), ({ text }) => text)
    return { run, all, before: yield* all }
  })

  const operations = filters.flatMap(([name, query]): ReadonlyArray<readonly [string, string, object]> => [
    [name, "find", { query }],
    [name, "findOne", { query, sort: { owner: 1 } }],
    [name, "count", { query }],
    [name, "distinct", { field: "text", query }],
    [name, "updateMany", { query, update: { $set: { text: 1 } } }],
    [name, "deleteMany", { query }],
    [name, "findOneAndDelete", { filter: query, sort: { owner: -1 } }],
    [name, "aggregate", { pipeline: [{ $match: query }] }]
  ])
  const updates = changes.flatMap(([name, update]): ReadonlyArray<readonly [string, string, object]> => [
    [name, "updateMany", { query: {}, update }]
  ])

  it.effect.each([
    ...operations,
    ...updates,
    ["arrays that double", "aggregate", { pipeline: times(40, () => double) }],
    ["updates that double arrays", "updateMany", { query: {}, update: times(40, () => double) }],
    ["unwound arrays", "aggregate", { pipeline: times(6, () => wide).flatMap((it) => [it, { $unwind: "$many" }]) }],
    ["a backtracking pattern", "find", { project: { text: { $regexMatch: { input: "$text", regex: "^(a+)+$" } } } }],
    [
      "array filters",
      "updateMany",
      {
        query: {},
        update: { $set: { "texts.$[it]": 1 } },
        arrayFilters: [{ it: { $regex: "^(a+)+$" } }]
      }
    ]
  ] as const)("is refused, and changes nothing: %s, %s", ([, operation, argument]) =>
    Effect.gen(function* () {
      const { all, before, run } = yield* collection()
      const { body, status } = yield* impatient(run(operation, argument))
      assert.strictEqual(status, 400)
      assert.deepStrictEqual<unknown>(body, exceeded)
      assert.strictEqual(yield* all, before)
    })
  )

  it.effect("lets those who ask for little go first", () =>
    Effect.gen(function* () {
      const { run } = yield* collection()
      const done: Array<string> = []
      const ask = (name: string, query: Document) =>
        Effect.tap(run("count", { query }), ({ status }) => Effect.sync(() => done.push(`${name} ${status}`)))
      const much = impatient(ask("much", backtracking))
      const little = ask("little", { _id: 5 })
      yield* Effect.all([much, much, much, much, little, little], { concurrency: "unbounded" })
      assert.lengthOf(done, 6)
      assert.deepStrictEqual(done.slice(-2), ["much 400", "much 400"])
    })
  )

  it.effect("is told so where what it sends takes too long to read", () =>
    Effect.gen(function* () {
      const { run } = yield* collection()
      const many = times(300_000, (i) => ({ [`f${i}`]: {} }))
      const { body, status } = yield* Effect.provideService(run("insertMany", { documents: many }), Limits, {
        steps: Infinity,
        values: Infinity,
        time: Duration.millis(1)
      })
      assert.strictEqual(status, 400)
      assert.deepStrictEqual<unknown>(body, {
        error: "invalid request body: operation exceeded time limit",
        error_code: "BadRequest"
      })
    })
  )
})

const owned = { owner: "%%user.id" }
const all = { read: true, write: true, insert: true, delete: true }

/** A database as the system has it, and as a user has it under rules. */
const kinds: ReadonlyArray<readonly [string, unknown]> = [
  ["without rules", undefined],
  ["that is open", { roles: [{ apply_when: {}, ...all }] }],
  ["under rules", { roles: [{ apply_when: owned, ...all }] }],
  [
    "of which a part is shown",
    {
      roles: [
        {
          apply_when: owned,
          fields: { secret: { read: false, write: false } },
          additional_fields: { read: true, write: true }
        }
      ]
    }
  ]
]

const open = Effect.fnUntraced(function* (rule: unknown, documents: ReadonlyArray<Document>) {
  const whole = yield* Database
  yield* whole.insert(namespace, documents)
  const rules = rule === undefined ? true : Result.getOrThrow(Rules.compile(rule))
  const sources = new Map([["s", { open: rules, collections: new Map() }]])
  const database = rule === undefined ? whole : UserDatabase.make(whole, sources, given())
  const everything = whole.find(namespace, { filter: {} })
  return { whole, database, everything, before: yield* everything }
})

const isExceeded = (exit: Exit.Exit<unknown, DatabaseError>, message?: string) => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit.value
  assert.instanceOf(error, DatabaseError, message)
  if (error instanceof DatabaseError) assert.deepStrictEqual([error.message, error.code], [exceeded.error, 50], message)
}

/** Stages that repeat a field until it has 10^12 values, which share their memory. */
const repeat = times(12, () => ({ $set: { list: times(10, () => "$list") } }))

/** What walks through all of a value, and with it through each repetition. */
const walks: Readonly<Record<string, ReadonlyArray<Document>>> = {
  "an answer": [],
  "an answer of documents in documents": times(40, () => ({ $set: { list: { a: "$list", b: "$list", c: "$list" } } })),
  "what an answer repeats by $unwind": [
    { $group: { _id: null, all: { $push: "$$ROOT" } } },
    { $set: { b: times(1_000, () => "$all"), c: times(1_000, () => "$all") } },
    { $unwind: "$all" }
  ],
  "$group by it": [{ $group: { _id: "$list" } }, { $count: "n" }],
  $addToSet: [{ $group: { _id: null, all: { $addToSet: "$list" } } }, { $project: { n: { $size: "$all" } } }],
  $setUnion: [{ $project: { n: { $size: { $setUnion: ["$list", [1]] } } } }],
  $lookup: [{ $lookup: { from: "c", localField: "list", foreignField: "_id", as: "x" } }, { $project: { _id: 1 } }],
  $bucketAuto: [{ $bucketAuto: { groupBy: "$list", buckets: 1 } }],
  $bsonSize: [{ $project: { size: { $bsonSize: "$$ROOT" } } }],
  $redact: [{ $redact: "$$DESCEND" }, { $project: { _id: 1 } }],
  "a path below it": [{ $project: { "list.a": 1 } }],
  uniqueItems: [{ $match: { $jsonSchema: { properties: { list: { uniqueItems: true } } } } }],
  $out: [{ $out: "c" }],
  $merge: [{ $merge: "c" }]
}

const change = { _tag: "Update", update: { $set: { text: "c" } } } as const

type Ask = (database: Operations, filter: Document) => Effect.Effect<unknown, DatabaseError>

const updateAll: Ask = (database, filter) => database.update(namespace, { filter, change, many: true })

const asked: Readonly<Record<string, Ask>> = {
  find: (database, filter) => database.find(namespace, { filter }),
  count: (database, filter) => database.count(namespace, { filter }),
  distinct: (database, filter) => database.distinct(namespace, "text", filter),
  update: updateAll,
  delete: (database, filter) => database.delete(namespace, { filter, many: true }),
  findOneAnd: (database, filter) => database.findOneAnd(namespace, { filter, change, sort: { _id: 1 } }),
  aggregate: (database, filter) => database.aggregate(namespace, [{ $match: filter }])
}

describe.each(kinds)("a database %s", (_, rule) => {
  const costly: Document = { $or: [...times(500, (i) => ({ [`f${i}`]: 1 })), backtracking] }

  it.effect("gives up every operation that takes too long", () =>
    Effect.gen(function* () {
      const { before, database, everything } = yield* open(rule, documents)
      for (const [name, ask] of Object.entries(asked)) {
        isExceeded(yield* Effect.exit(impatient(ask(database, costly))), name)
        const inTransaction = Effect.scoped(
          Effect.flatMap(database.transaction, (transaction) => {
            const insert = transaction.insert(namespace, [{ _id: "new", owner: stranger.id }])
            return Effect.andThen(insert, Effect.tap(impatient(ask(transaction, costly)), transaction.commit))
          })
        )
        isExceeded(yield* Effect.exit(inTransaction), `${name} in a transaction`)
      }
      assert.deepStrictEqual(yield* everything, before)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("gives up what repeats values", () =>
    Effect.gen(function* () {
      const { before, database, everything } = yield* open(rule, [
        { _id: 1, owner: stranger.id, list: [1, 2] },
        { _id: 2, owner: stranger.id, list: [1, 2] }
      ])
      const refused = (name: string, exit: Exit.Exit<unknown, DatabaseError>) => {
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit.value
        assert.instanceOf(error, DatabaseError, name)
        // where not everything may be written, it is forbidden
        if (error instanceof DatabaseError) assert.include([13, 50, 146], error.code, `${name}: ${error.message}`)
      }
      for (const [name, stages] of Object.entries(walks)) {
        refused(name, yield* Effect.exit(impatient(database.aggregate(namespace, [...repeat, ...stages]))))
      }
      for (const update of [repeat, [...repeat, ...times(210, () => ({ $set: { a: 1 } }))]]) {
        const change = { _tag: "Update", update } as const
        refused("an update", yield* Effect.exit(impatient(database.update(namespace, { filter: {}, change }))))
        const findOneAnd = database.findOneAnd(namespace, { filter: {}, change, projection: { _id: 1 } })
        refused("findOneAndUpdate", yield* Effect.exit(impatient(findOneAnd)))
        const insert = { filter: { _id: 3, owner: stranger.id, list: [1] }, change, upsert: true }
        refused("an upsert", yield* Effect.exit(impatient(database.update(namespace, insert))))
      }
      const project = { filter: {}, projection: { x: times(200, () => times(200, () => "$list")) } }
      refused("a projection", yield* Effect.exit(impatient(database.find(namespace, project))))
      assert.deepStrictEqual(yield* everything, before)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("cuts a repeated value in an error", () =>
    Effect.gen(function* () {
      const { database } = yield* open(rule, [{ _id: 1, owner: stranger.id, list: [1, 2] }])
      const pipeline = [...repeat, { $replaceRoot: { newRoot: "$list" } }]
      const error = yield* Effect.flip(database.aggregate(namespace, pipeline))
      assert.include(error.message, "resulting value was: [[[[")
      assert.isBelow(error.message.length, 1_000)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("gives up inserts that take too long", () =>
    Effect.gen(function* () {
      const { before, database, everything } = yield* open(rule, documents)
      const many = times(100_000, (i) => ({ _id: 10_000 + i, owner: stranger.id, list: [1, 2, 3] }))
      isExceeded(yield* Effect.exit(impatient(database.insert(namespace, many))))
      assert.deepStrictEqual(yield* everything, before)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("ends a stream whose filter takes too long, and no other", () =>
    Effect.gen(function* () {
      const { database } = yield* open(rule, [])
      const events = (filter: Document) =>
        Effect.flatMap(patient(database.watch(namespace, { filter })), (stream) =>
          Effect.forkChild(Effect.exit(Stream.runCollect(Stream.take(stream, 1))))
        )
      const hostile = yield* Effect.all(times(5, () => events({ "fullDocument.text": { $regex: "^(a+)+$" } })))
      const other = yield* events({ "fullDocument.text": text })
      yield* database.insert(namespace, [{ _id: 1, owner: stranger.id, text }])
      for (const fiber of hostile) isExceeded(yield* Fiber.join(fiber))
      const exit = yield* Fiber.join(other)
      assert.isTrue(Exit.isSuccess(exit) && exit.value.length === 1)
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("texts", () => {
  it.effect("rejects an answer that repeats a text until it is too large", () =>
    Effect.gen(function* () {
      const value = times(3_000, () => "a".repeat(100_000))
      for (const write of [Texts.write, Texts.writePlain]) {
        assert.strictEqual(
          (yield* Effect.flip(write(value))).message,
          "it is too large: ask for fewer documents or fields"
        )
        assert.strictEqual(yield* write(["a"]), '["a"]')
      }
    })
  )
})

describe("what is cheap once", () => {
  it.effect("is given up where an operation under rules does it too often", () =>
    Effect.gen(function* () {
      const many = times(3_000, (_id) => ({ _id, owner: stranger.id, text: "b" }))
      const { before, database, everything } = yield* open({ roles: [{ apply_when: owned, ...all }] }, many)
      isExceeded(yield* Effect.exit(impatient(updateAll(database, {}))))
      assert.deepStrictEqual(yield* everything, before)
      yield* database.update(namespace, { filter: { _id: 1 }, change })
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("ends a stream in the end whose filter is costly for each event", () =>
    Effect.gen(function* () {
      const { database } = yield* open(undefined, [])
      const filter = { $nor: times(2_000, (i) => ({ [`fullDocument.f${i}`]: 1 })), operationType: "never" }
      const stream = yield* patient(database.watch(namespace, { filter }))
      const fiber = yield* Effect.forkChild(Effect.exit(Stream.runDrain(stream)))
      const document = fields(50, 2)
      let ended = false
      for (let i = 0; i < 500 && !ended; i++) {
        yield* database.insert(namespace, [{ ...document, _id: i }])
        yield* Effect.yieldNow
        ended = fiber.pollUnsafe() !== undefined
      }
      isExceeded(yield* Fiber.join(fiber))
    }).pipe(Effect.provide(Database.layerMemory))
  )
})

describe("a rule of the application", () => {
  const rule = { roles: [{ apply_when: { text: { $regex: "^(a+)+$" } }, ...all }] }

  it.effect("is asked of what a client sends for as long as any other filter", () =>
    Effect.gen(function* () {
      const { before, database, everything } = yield* open(rule, [{ _id: 1, text: "a" }])
      isExceeded(yield* Effect.exit(impatient(database.insert(namespace, [{ _id: 2, text }]))))
      const to = { _tag: "Update", update: { $set: { text } } } as const
      isExceeded(yield* Effect.exit(impatient(database.update(namespace, { filter: { _id: 1 }, change: to }))))
      assert.deepStrictEqual(yield* everything, before)
    }).pipe(Effect.provide(Database.layerMemory))
  )

  it.effect("is limited also in deciding who may call a function", () =>
    Effect.gen(function* () {
      const gate = Result.getOrThrow(Rules.compileGate({ "%%args.0": { $regex: "^(a+)+$" } }))
      isExceeded(yield* Effect.exit(impatient(bounded(gate.allows({ ...given(), args: [text] })))))
      assert.isTrue(yield* bounded(gate.allows({ ...given(), args: ["aa"] })))
    })
  )
})
