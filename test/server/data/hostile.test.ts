import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { App } from "effect-app-services/server"
import { anonymous, ask, inProcess, path } from "../support.ts"

const app = App.make({ id: "my-app", providers: { anonymous: true }, mongodb: { "mongodb-atlas": "open" } })

/** A collection of a client's own, with a few documents. */
const collection = Effect.fnUntraced(function* (name: string) {
  const { access_token } = yield* anonymous()
  const run = (operation: string, argument: object) =>
    ask("POST", path("my-app", "functions/call"), {
      token: access_token,
      raw: JSON.stringify({
        name: operation,
        service: "mongodb-atlas",
        arguments: [{ database: "hostile", collection: name, ...argument }]
      })
    })
  const documents = Array.from({ length: 20 }, (_, _id) => ({
    _id,
    text: `${"a".repeat(40)}!`,
    words: [`${"a".repeat(40)}!`],
    list: [1],
    lists: [[1]]
  }))
  assert.strictEqual((yield* run("insertMany", { documents })).status, 200)
  const all = Effect.map(run("find", {}), ({ text }) => text)
  return { run, all, before: yield* all }
})

const inherited = () => [
  ...Object.getOwnPropertyNames(Object.prototype),
  ...Object.getOwnPropertyNames(Object),
  ...Object.getOwnPropertyNames(Array.prototype)
]

layer(inProcess(app))("a client", (it) => {
  describe("that wants too much", () => {
    it.effect("is refused after three seconds", () =>
      Effect.gen(function* () {
        const { all, before, run } = yield* collection("many")
        const { body, status } = yield* run("find", { query: { text: { $regex: "^(a+)+$" } } })
        assert.strictEqual(status, 400)
        assert.include(body, { error: "operation exceeded time limit", error_code: "ExecutionTimeLimitExceeded" })
        assert.strictEqual(yield* all, before)
      })
    )

    it.effect("cannot fill an array with nothing", () =>
      Effect.gen(function* () {
        const { all, before, run } = yield* collection("arrays")
        for (const field of ["list.4294967290", "list.2000000", "lists.0.4294967290", "lists.$[].4294967290"]) {
          const { status } = yield* run("updateMany", { query: {}, update: { $set: { [field]: 1 } } })
          assert.strictEqual(status, 400, field)
        }
        assert.strictEqual(yield* all, before)
        const update = { $set: { "numbers.4294967290": 1 } }
        assert.strictEqual((yield* run("updateOne", { query: { _id: 1 }, update })).status, 200)
      })
    )

    it.effect("cannot store what is nested too deeply to be read", () =>
      Effect.gen(function* () {
        const { all, before, run } = yield* collection("deep")
        const deep = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as object
        for (const [operation, argument] of [
          ["insertOne", { document: deep(201) }],
          ["updateOne", { query: {}, update: { $set: { text: deep(201) } } }],
          ["find", { query: deep(201) }],
          ["aggregate", { pipeline: [{ $set: { text: deep(201) } }] }]
        ] as const) {
          const { body, status } = yield* run(operation, argument)
          assert.strictEqual(status, 400, operation)
          assert.include(body["error"], "nested more than 200 levels deep")
        }
        assert.strictEqual(yield* all, before)
        assert.strictEqual((yield* run("insertOne", { document: deep(150) })).status, 200)
      })
    )
  })

  describe("that reaches for what objects inherit", () => {
    it.effect("finds and changes nothing of it", () =>
      Effect.gen(function* () {
        const names = inherited()
        const { run } = yield* collection("prototypes")
        const paths = ["__proto__.x", "constructor.prototype.x", "constructor.x", "toString.x", "text.__proto__.x"]
        for (const field of [...paths, "list.constructor.x", "list.__proto__.x", "hasOwnProperty.call"]) {
          const changes = [
            { $set: { [field]: 1 } },
            { $inc: { [field]: 1 } },
            { $unset: { [field]: 1 } },
            { $push: { [field]: 1 } },
            { $rename: { text: field } },
            { $rename: { [field]: "text" } },
            { $currentDate: { [field]: true } }
          ]
          const found = (yield* run("find", { query: { [field]: { $exists: true } } })).text
          assert.strictEqual(found, "[]", field)
          // to an update, they are names of fields as any others
          for (const update of changes) {
            const { status } = yield* run("updateOne", { query: { _id: 1 }, update })
            assert.include([200, 400], status, JSON.stringify(update))
          }
          yield* run("updateOne", { query: { [field]: 5 }, update: { $set: { a: 1 } }, upsert: true })
          yield* run("aggregate", { pipeline: [{ $set: { [field]: 1 } }, { $project: { [field]: 1 } }] })
          yield* run("distinct", { field })
          yield* run("deleteMany", { query: {} })
          yield* run("insertMany", { documents: [{ _id: 1, text: "a", list: [1] }] })
        }
        assert.deepStrictEqual(inherited(), names)
        assert.isUndefined((Object as unknown as Record<string, unknown>)["x"])
      })
    )

    it.effect("accepts fields with names that objects inherit", () =>
      Effect.gen(function* () {
        const { run } = yield* collection("names")
        const query = { _id: 1 }
        assert.strictEqual((yield* run("updateOne", { query, update: { $set: { constructor: "Lotus" } } })).status, 200)
        assert.strictEqual((yield* run("updateOne", { query, update: { $set: { valueOf: { a: 1 } } } })).status, 200)
        assert.strictEqual((yield* run("updateOne", { query, update: { $inc: { "valueOf.a": 1 } } })).status, 200)
        const { text } = yield* run("findOne", { query: { constructor: "Lotus" } })
        assert.include(text, `"constructor":"Lotus","valueOf":{"a":{"$numberInt":"2"}}`)
      })
    )
  })

  it.effect("rejects a query with code", () =>
    Effect.gen(function* () {
      const { run } = yield* collection("code")
      const code = { body: "return 1", args: [], lang: "js" }
      for (const [operation, argument] of [
        ["find", { query: { $where: "1" } }],
        ["aggregate", { pipeline: [{ $set: { x: { $function: code } } }] }],
        ["aggregate", { pipeline: [{ $group: { _id: 1, x: { $accumulator: code } } }] }],
        ["updateOne", { query: {}, update: [{ $set: { x: { $function: code } } }] }]
      ] as const) {
        const { body, status } = yield* run(operation, argument)
        assert.strictEqual(status, 400, operation)
        assert.strictEqual(body["error_code"], "MongoDBError")
      }
    })
  )
})
