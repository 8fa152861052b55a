import { assert, describe, it } from "@effect/vitest"
import { Long, ObjectId } from "bson"
import { Effect, Option, Schedule, Schema, Stream } from "effect"
import { Bson, type MongoCollection } from "effect-app-services"
import { type Answer, host, type Seen } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

const Widget = Schema.Struct({
  _id: Schema.optionalKey(Bson.ObjectId),
  name: Schema.String,
  made: Schema.DateTimeUtcFromMillis
})
type Widgets = MongoCollection<typeof Widget.Type, typeof Widget.Encoded>
const id = new ObjectId("5f1d7f3e9c1b2a0012345678")
const made = Schema.decodeSync(Schema.DateTimeUtcFromMillis)(5)
const stored = '{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"name":"gear","made":{"$numberLong":"5"},"more":true}'

const answering = (answer: Answer | ((request: Seen) => Answer)) =>
  host((request) =>
    request.path.endsWith("/functions/call") ? (typeof answer === "function" ? answer(request) : answer) : undefined
  )

const collection = Effect.map(logIn, (user) =>
  user.mongoClient("mongodb-atlas").db("shop").collection("widgets", Widget)
)

/** What an operation sends, and what it makes of the answer. */
const run = <A>(answer: string, use: (widgets: Widgets) => Effect.Effect<A, unknown>) => {
  const { layer, seen } = answering({ body: answer })
  return Effect.gen(function* () {
    const result = yield* use(yield* collection)
    const { arguments: args, name, service } = JSON.parse(seen.at(-1)!.body)
    assert.strictEqual(service, "mongodb-atlas")
    assert.lengthOf(args, 1)
    const { collection: sent, database, ...rest } = args[0]
    assert.deepStrictEqual([database, sent], ["shop", "widgets"])
    return { result, sent: [name, rest] }
  }).pipe(Effect.provide(sdk(layer)))
}

const int = (n: number) => ({ $numberInt: String(n) })

describe("a MongoDB operation", () => {
  const gear = { _id: id, name: "gear", made }
  const document = Option.some(gear)
  const operations: ReadonlyArray<
    readonly [
      name: string,
      use: (widgets: Widgets) => Effect.Effect<unknown, unknown>,
      sent: unknown,
      answer: string,
      result: unknown
    ]
  > = [
    ["find", (w) => w.find(), { query: {} }, "[]", []],
    [
      "find",
      (w) => w.find({ name: "gear" }, { sort: { made: -1 }, limit: 5 }),
      { query: { name: "gear" }, sort: { made: int(-1) }, limit: int(5) },
      `[${stored}]`,
      [gear]
    ],
    [
      "find",
      (w) => w.find({}, { projection: { name: 1 } }),
      { query: {}, project: { name: int(1) } },
      '[{"name":"gear"}]',
      [{ name: "gear" }]
    ],
    ["findOne", (w) => w.findOne({ _id: id }), { query: { _id: { $oid: id.toHexString() } } }, stored, document],
    ["findOne", (w) => w.findOne(), { query: {} }, "null", Option.none()],
    [
      "findOneAndUpdate",
      (w) => w.findOneAndUpdate({ name: "a" }, { $set: { name: "b" } }, { upsert: true, returnNewDocument: true }),
      { filter: { name: "a" }, update: { $set: { name: "b" } }, upsert: true, returnNewDocument: true },
      stored,
      document
    ],
    [
      "findOneAndReplace",
      (w) => w.findOneAndReplace({ name: "a" }, { name: "b", made }, { sort: { name: 1 } }),
      { filter: { name: "a" }, update: { name: "b", made: int(5) }, sort: { name: int(1) } },
      "null",
      Option.none()
    ],
    ["findOneAndDelete", (w) => w.findOneAndDelete({ name: "a" }), { filter: { name: "a" } }, stored, document],
    ["aggregate", (w) => w.aggregate([{ $count: "n" }]), { pipeline: [{ $count: "n" }] }, '[{"n":1}]', [{ n: 1 }]],
    [
      "count",
      (w) => w.count({ name: "a" }, { limit: 2 }),
      { query: { name: "a" }, limit: int(2) },
      '{"$numberLong":"2"}',
      2
    ],
    [
      "aggregate",
      (w) => w.distinct("name"),
      { pipeline: [{ $match: {} }, { $unwind: "$name" }, { $group: { _id: "$name" } }] },
      '[{"_id":"a"},{"_id":"b"}]',
      ["a", "b"]
    ],
    [
      "insertOne",
      (w) => w.insertOne({ name: "gear", made }),
      { document: { name: "gear", made: int(5) } },
      '{"insertedId":{"$oid":"5f1d7f3e9c1b2a0012345678"}}',
      { insertedId: id }
    ],
    [
      "insertMany",
      (w) => w.insertMany([{ name: "gear", made }]),
      { documents: [{ name: "gear", made: int(5) }] },
      '{"insertedIds":["a"]}',
      { insertedIds: ["a"] }
    ],
    [
      "updateOne",
      (w) => w.updateOne({}, { $set: { made: 6 } }, { upsert: true, arrayFilters: [{ "e.x": 1 }] }),
      { query: {}, update: { $set: { made: int(6) } }, upsert: true, arrayFilters: [{ "e.x": int(1) }] },
      '{"matchedCount":{"$numberInt":"0"},"modifiedCount":0,"upsertedId":"x"}',
      { matchedCount: 0, modifiedCount: 0, upsertedId: "x" }
    ],
    [
      "updateMany",
      (w) => w.updateMany({}, [{ $set: { name: "a" } }]),
      { query: {}, update: [{ $set: { name: "a" } }] },
      '{"matchedCount":1,"modifiedCount":1}',
      { matchedCount: 1, modifiedCount: 1 }
    ],
    ["deleteOne", (w) => w.deleteOne(), { query: {} }, '{"deletedCount":{"$numberInt":"1"}}', { deletedCount: 1 }],
    // the whole result once more as text, as some hosts send it
    [
      "deleteMany",
      (w) => w.deleteMany({ name: "a" }),
      { query: { name: "a" } },
      '"{\\"deletedCount\\":2}"',
      { deletedCount: 2 }
    ]
  ]
  it.effect.each(operations)("%s", ([name, use, sent, answer, result]) =>
    Effect.gen(function* () {
      const done = yield* run(answer, use)
      assert.deepStrictEqual(done.sent, [name, sent])
      assert.deepEqual(done.result, result)
    })
  )

  it.effect("on documents of which nothing is known takes and yields them as they are", () => {
    const { layer } = answering({ body: `[{"n":{"$numberLong":"9007199254740993"}}]` })
    return Effect.gen(function* () {
      const plain = (yield* logIn).mongoClient("s").db("d").collection("c")
      assert.deepStrictEqual(yield* plain.find({ any: { thing: 1 } }), [{ n: Long.fromString("9007199254740993") }])
    }).pipe(Effect.provide(sdk(layer)))
  })

  const refused: ReadonlyArray<readonly [string, Answer, string, string]> = [
    [
      "a duplicate key",
      { status: 400, body: { error: "E11000 duplicate key", error_code: "MongoDBError" } },
      "DuplicateKey",
      "exists already"
    ],
    [
      "a database error",
      { status: 500, body: { error: "bad comparison", error_code: "MongoDBError" } },
      "RequestRejected",
      "bad comparison"
    ],
    [
      "a rule",
      { status: 403, body: { error: "no rule", error_code: "NoMatchingRuleFound" } },
      "RequestRejected",
      "no rule"
    ],
    [
      "an unknown service",
      { status: 404, body: { error: "service not found: 's'", error_code: "ServiceNotFound" } },
      "RequestRejected",
      "service"
    ],
    ["a document that does not fit", { body: '[{"name":1,"made":1}]' }, "UnexpectedValue", "name"],
    ["an answer that is not JSON", { body: "<html></html>" }, "InvalidResponse", "HTML"]
  ]
  it.effect.each(refused)("%s", ([, answer, tag, words]) => {
    const { layer } = answering(answer)
    return Effect.gen(function* () {
      const error = yield* failure((yield* collection).find())
      assert.strictEqual(error.reason._tag, tag)
      assert.include(error.message, words)
      assert.strictEqual(error.operation, "MongoCollection.find(shop.widgets)")
      assert.isFalse(error.retryable)
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("does not send a filter that would match more than intended", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const plain = (yield* logIn).mongoClient("s").db("d").collection("c")
      const sent = seen.length
      for (const filter of [
        { owner: undefined },
        { owner: { $lt: undefined, $gt: undefined } },
        { $or: [{ name: "a" }, { $and: [{ owner: undefined }] }] }
      ]) {
        for (const run of [
          plain.deleteMany(filter),
          plain.findOneAndDelete(filter),
          plain.distinct("name", filter),
          Stream.runDrain(plain.watch({ filter }))
        ]) {
          const error = yield* failure(run)
          assert.strictEqual(error.reason._tag, "InvalidArguments")
          assert.include(error.message, 'field "owner" of the filter is undefined')
        }
      }
      assert.strictEqual(seen.length, sent)
    }).pipe(Effect.provide(sdk(layer)))
  })
})

const event = (n: number, more = "") =>
  `data: {"_id":{"_data":"${n}"},"operationType":"insert","documentKey":{"_id":${n}},"fullDocument":{"name":"w${n}","made":5}${more}}\n\n`

/** What a request for a stream asks. */
const asked = (request: Seen) => {
  const parameter = new URL(request.url).searchParams.get("baas_request")!
  return JSON.parse(Buffer.from(parameter, "base64").toString())
}

describe("watch", () => {
  it.effect("asks by GET with the token in a header, and yields typed changes", () => {
    const { layer, seen } = answering({ body: event(1) + event(2) })
    return Effect.gen(function* () {
      const widgets = yield* collection
      const changes = yield* Stream.runCollect(widgets.watch({ filter: { operationType: "insert" } }))
      assert.deepEqual(
        changes.map(({ fullDocument }) => fullDocument),
        [
          { name: "w1", made },
          { name: "w2", made }
        ]
      )
      const request = seen.at(-1)!
      assert.strictEqual(request.method, "GET")
      assert.strictEqual(request.headers["accept"], "text/event-stream")
      assert.match(request.headers["authorization"]!, /^Bearer /)
      assert.notInclude(request.url, "_at=")
      assert.deepStrictEqual(asked(request), {
        name: "watch",
        arguments: [{ database: "shop", collection: "widgets", filter: { operationType: "insert" } }],
        service: "mongodb-atlas"
      })
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("connects again where it broke off, and resumes after the last change", () => {
    const answers: Array<Answer> = [
      { body: event(1) + event(2) },
      "unreachable",
      { body: `event: error\ndata: {"error_code":"ExecutionTimeLimitExceeded","error":"too long"}\n\n` },
      { body: event(3) }
    ]
    const { layer, seen } = host((request) => (request.path.endsWith("/functions/call") ? answers.shift() : undefined))
    return Effect.gen(function* () {
      const widgets = yield* collection
      const changes = widgets.watch({ ids: [1, 2, 3], reconnect: Schedule.recurs(5) })
      const names = yield* Stream.runCollect(
        Stream.take(
          Stream.map(changes, ({ fullDocument }) => fullDocument!.name),
          3
        )
      )
      assert.deepStrictEqual(names, ["w1", "w2", "w3"])
      const resumed = seen.filter(({ method, path }) => method === "GET" && path.endsWith("call")).map(asked)
      assert.deepStrictEqual(
        resumed.map((call) => call.arguments[0].resumeAfter?._data),
        [undefined, "2", "2", "2"]
      )
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("fails for a rule, a malformed event, and a document that does not fit", () =>
    Effect.gen(function* () {
      for (const [answer, tag] of [
        [{ body: `event: error\ndata: {"error_code":"NoMatchingRuleFound","error":"gone"}\n\n` }, "RequestRejected"],
        [{ body: "data: 5\n\n" }, "InvalidResponse"],
        [{ body: event(1).replace('"w1"', "1") }, "UnexpectedValue"],
        [{ status: 404, body: { error: "service not found", error_code: "ServiceNotFound" } }, "RequestRejected"]
      ] as const) {
        const error = yield* collection.pipe(
          Effect.flatMap((widgets) => failure(Stream.runDrain(widgets.watch({ reconnect: Schedule.recurs(3) })))),
          Effect.provide(sdk(answering(answer).layer))
        )
        assert.strictEqual(error.reason._tag, tag)
      }
    })
  )
})
