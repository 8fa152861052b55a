/** Document schemas of exported applications: what they accept, and which writes they are asked about. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Binary, Decimal128, Double, Long, ObjectId, UUID } from "bson"
import { Effect, Layer, Result } from "effect"
import type { Document } from "effect-app-services/server/data/Database"
import { AppDirectory } from "effect-app-services/server"
import * as DocumentSchema from "../../../src/server/data/DocumentSchema.ts"
import { canonical } from "../../../src/server/language/Value.ts"
import { anonymous, ask, callFunction, directory, inProcess, path } from "../support.ts"
import { given, stranger } from "./asking.ts"

const compiled = (schema: unknown, strictness?: DocumentSchema.Strictness) => {
  const found = Result.getOrThrow(DocumentSchema.compile(schema, strictness))
  assert.isDefined(found)
  return found.checkFor(given({ ...stranger, id: "ada" }))
}

const stored = (document: Document) => canonical(document) as Document

/** The lines of the message about a document; without any, the schema accepts it. */
const lines = (check: DocumentSchema.Check, after: Document, before?: Document) =>
  Effect.runSync(
    check({ after: stored(after), before: before && stored(before) }).pipe(
      Effect.as([]),
      Effect.catch(({ code, message }) => {
        assert.strictEqual(code, 121)
        const [first, ...rest] = message.split("\n\t")
        assert.strictEqual(first, "could not validate document: ")
        return Effect.succeed(rest)
      })
    )
  )

const type = (name: string, given: string) =>
  `a: Invalid type. Expected: type: undefined, bsonType: ${name}, given: [${given}]`

describe("a document schema", () => {
  it.each<readonly [bsonType: string, accepted: ReadonlyArray<unknown>, others: ReadonlyArray<unknown>]>([
    ["string", ["x"], [1, null]],
    ["int", [1], [1.5, Long.fromNumber(1), new Double(1)]],
    ["long", [Long.fromNumber(1)], [1]],
    ["double", [1.5, new Double(1)], [1, Decimal128.fromString("1")]],
    ["float", [1.5], [1]],
    ["decimal", [Decimal128.fromString("1")], [1.5]],
    ["number", [1, 1.5, Long.fromNumber(1), Decimal128.fromString("1")], ["1"]],
    ["bool", [true], [1]],
    ["boolean", [false], ["true"]],
    ["objectId", [new ObjectId()], ["5f0000000000000000000001"]],
    ["date", [new Date(0)], [0]],
    ["binData", [new Binary(new Uint8Array(1)), new UUID()], ["x"]],
    ["uuid", [new UUID()], [new Binary(new Uint8Array(16))]],
    ["array", [[1]], [{}]],
    ["object", [{}], [[]]],
    ["null", [null], [0]],
    ["mixed", [1, "x", null, {}], []]
  ])("knows the type %s", (bsonType, accepted, others) => {
    const check = compiled({ properties: { a: { bsonType } } })
    for (const a of accepted) assert.deepStrictEqual(lines(check, { a }), [])
    for (const a of others) assert.match(lines(check, { a })[0] ?? "accepted", /^a: Invalid type\. /)
    assert.deepStrictEqual(lines(check, {}), [])
  })

  it("says what is wrong in the words of the original host, a line for each violation", () => {
    const check = compiled({
      title: "thing",
      required: ["name", "owner"],
      additionalProperties: false,
      properties: {
        _id: { bsonType: "objectId" },
        name: { bsonType: "string", minLength: 2, pattern: "^[a-z]+$" },
        n: { bsonType: ["int", "null"], minimum: 1, maximum: 9, exclusiveMaximum: true },
        kind: { enum: ["a", "b"] },
        fixed: { const: { $numberLong: "5" } },
        tags: { bsonType: "array", maxItems: 1, items: { type: "string" } },
        inner: { bsonType: "object", required: ["x"], properties: { x: { bsonType: "date" } } }
      }
    })
    const good = { _id: new ObjectId(), name: "ab", owner: 1 }
    assert.deepStrictEqual(
      lines(check, {
        ...good,
        name: "A",
        n: 9,
        kind: "c",
        fixed: 6,
        tags: [1, "x"],
        inner: {},
        more: 1
      }),
      [
        "(root): Additional property owner is not allowed",
        "(root): Additional property more is not allowed",
        "name: String length must be greater than or equal to 2",
        "name: Does not match pattern '^[a-z]+$'",
        "n: Must be less than 9",
        'kind: kind must be one of the following: "a", "b"',
        "fixed: fixed does not match: 5",
        "tags: Array must have at most 1 items",
        "tags.0: Invalid type. Expected: type: string, bsonType: undefined, given: [integer int number mixed]",
        "inner: x is required"
      ]
    )
    assert.deepStrictEqual(lines(check, { name: "ab", n: "1" }), [
      "(root): owner is required",
      "n: Invalid type. Expected: type: undefined, bsonType: [int,null], given: [string mixed]"
    ])
    assert.deepStrictEqual(lines(compiled({ properties: { a: { bsonType: "string" } } }), { a: 0.5 }), [
      type("string", "double number float mixed")
    ])
    const many = lines(
      compiled({ additionalProperties: { bsonType: "int" } }),
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, "x"]))
    )
    assert.lengthOf(many, 20)
  })

  it("ignores what decides nothing, and accepts every document if it is empty", () => {
    const check = compiled({
      $jsonSchema: {
        "%%true": true,
        type: "object",
        bsonType: "object",
        required: ["b", "b"],
        properties: { a: { bson_type: "int", bsonType: "string", required: true, default: 1, unique: true, title: 5 } }
      }
    })
    assert.deepStrictEqual(lines(check, { b: 1 }), [])
    assert.lengthOf(lines(check, { a: 1 }), 2)
    assert.deepStrictEqual(lines(compiled({ required: [], title: 5 }), {}), [])
    for (const empty of [{}, undefined, null, { $jsonSchema: {} }]) {
      assert.isUndefined(Result.getOrThrow(DocumentSchema.compile(empty)))
    }
  })

  it("takes null and whole numbers generously if it is lenient", () => {
    const schema = {
      required: ["must"],
      properties: { must: { bsonType: "double" }, may: { bsonType: "string" }, id: { bsonType: "long" } }
    }
    assert.lengthOf(lines(compiled(schema), { must: 1, may: null, id: 1 }), 3)
    const lenient = compiled(schema, "lenient")
    assert.deepStrictEqual(lines(lenient, { must: 1, may: null, id: 1 }), [])
    assert.lengthOf(lines(lenient, { must: null, may: 1, id: 1.5 }), 3)
  })

  it("evaluates expressions about a field before and after a write", () => {
    const once = { "%or": [{ "%%prev": { "%exists": false } }, { "%%prev": "%%this" }] }
    const mine = { "%or": [{ "%%prev": { "%exists": false } }, { "%%prev": "%%user.id" }] }
    const check = compiled({
      properties: {
        owner: { bsonType: "string", validate: mine },
        inner: { bsonType: "object", properties: { fixed: { validate: once } } }
      },
      validate: { "%%root.blocked": { $ne: true } }
    })
    const failure = "the value does not fulfil the expression of its schema (validate)"
    assert.deepStrictEqual(lines(check, { owner: "bob", inner: { fixed: 1 } }), [])
    assert.deepStrictEqual(lines(check, { owner: "ada" }, { owner: "bob" }), [`owner: ${failure}`])
    assert.deepStrictEqual(lines(check, { owner: "bob" }, { owner: "ada" }), [])
    assert.deepStrictEqual(lines(check, { inner: { fixed: 1 } }, { inner: { fixed: 1 } }), [])
    assert.deepStrictEqual(lines(check, { inner: { fixed: 2 } }, { inner: { fixed: 1 } }), [`inner.fixed: ${failure}`])
    assert.deepStrictEqual(lines(check, { inner: {} }, { inner: { fixed: 1 } }), [])
    assert.deepStrictEqual(lines(check, { blocked: true }), [`(root): ${failure}`])
  })

  it("tells where it is not understood", () => {
    const place = (schema: unknown) => {
      const { message, place } = Result.getOrThrow(Result.flip(DocumentSchema.compile(schema)))
      return `${place}: ${message}`
    }
    for (const [schema, expected] of [
      [[], ": a schema other than an object"],
      [
        { properties: { a: { items: { properties: { b: { bsonType: "text" } } } } } },
        "properties.a.items.properties.b: the keyword 'bsonType' of a schema has an unknown type: 'text'"
      ],
      [{ required: "a" }, ": the keyword 'required' of a schema must be an array of strings"],
      [{ properties: { a: { pattern: "(" } } }, /^properties\.a: .*/],
      [{ properties: { a: { validate: { $where: "1" } } } }, 'properties.a.validate.$where: the operator "$where"'],
      [
        { properties: { a: { items: { validate: { "%%this": 1 } } } } },
        'properties.a.items: a "validate" that is not one of a named field'
      ]
    ] as const) {
      if (typeof expected === "string") assert.strictEqual(place(schema), expected)
      else assert.match(place(schema), expected)
    }
  })
})

const all = { read: true, write: true, insert: true, delete: true }
const files = {
  "realm_config.json": { app_id: "my-app" },
  "auth/providers.json": { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } },
  "functions/config.json": [
    { name: "sys", run_as_system: true },
    { name: "own", run_as_authed_user: true }
  ],
  "functions/sys.js":
    "exports = (name, ...args) => context.services.get('atlas').db('db').collection('things')[name](...args)",
  "functions/own.js": `exports = async (name, ...args) => {
    try { return await context.services.get('atlas').db('db').collection('things')[name](...args) }
    catch (error) { return { caught: error.message } }
  }`,
  "data_sources/atlas/config.json": { name: "atlas", type: "mongodb-atlas" },
  "data_sources/atlas/default_rule.json": { roles: [{ name: "all", ...all }] },
  "data_sources/atlas/db/things/schema.json": {
    title: "thing",
    bsonType: "object",
    required: ["_id", "n"],
    properties: { _id: { bsonType: "int" }, n: { bsonType: "int" }, secret: { bsonType: "string" } }
  },
  "data_sources/atlas/db/strange/schema.json": { properties: { a: { bsonType: "text" } } },
  "data_sources/atlas/db/parts/rules.json": {
    database: "db",
    collection: "parts",
    roles: [{ name: "part", fields: { n: { write: true } } }]
  },
  "data_sources/atlas/db/parts/schema.json": { properties: { n: { bsonType: "int" }, hidden: { bsonType: "string" } } },
  "services/old/config.json": { name: "old", type: "mongodb-atlas" },
  "services/old/rules/db.things.json": {
    database: "db",
    collection: "things",
    roles: [{ name: "all", ...all }],
    schema: { properties: { n: { bsonType: "string" } } }
  }
}

const serve = (options?: AppDirectory.Options) =>
  Layer.unwrap(
    Effect.gen(function* () {
      return inProcess(yield* AppDirectory.load(yield* directory(files), options))
    })
  ).pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer]))

const user = Effect.map(anonymous(), ({ access_token: token }) => {
  const run = (name: string, args: ReadonlyArray<unknown>, service?: string) =>
    Effect.map(
      service === undefined
        ? callFunction(token, name, args)
        : ask("POST", path("my-app", "functions/call"), { token, body: { name, arguments: args, service } }),
      ({ body, status, text }) =>
        status === 200 ? (JSON.parse(text) as unknown) : `${status} ${body["error_code"]} ${body["error"]}`
    )
  return {
    sys: (name: string, ...args: ReadonlyArray<unknown>) => run("sys", [name, ...args]),
    own: (name: string, ...args: ReadonlyArray<unknown>) => run("own", [name, ...args]),
    call: (name: string, argument: object, collection = "things", service = "atlas") =>
      run(name, [{ database: "db", collection, ...argument }], service)
  }
})

const refused = (...lines: ReadonlyArray<string>) =>
  `400 SchemaValidationFailedWrite could not validate document: ${lines.map((line) => `\n\t${line}`).join("")}`
const notInt = (field: string) =>
  `${field}: Invalid type. Expected: type: undefined, bsonType: int, given: [string mixed]`
const int = (n: number) => ({ $numberInt: String(n) })

describe("writes of a collection with a schema", () => {
  it.effect("rejects a document that any operation would leave invalid, and then changes nothing", () =>
    Effect.gen(function* () {
      const { call } = yield* user
      assert.deepStrictEqual(
        yield* call("insertMany", {
          documents: [
            { _id: int(1), n: int(1) },
            { _id: int(2), n: int(1) }
          ]
        }),
        {
          insertedIds: [int(1), int(2)]
        }
      )
      const one = { query: { _id: int(1) } }
      const filter = { filter: { _id: int(1) } }
      const bad = { $set: { n: "x" } }
      for (const [name, argument, ...lines] of [
        ["insertOne", { document: { _id: "a", n: int(1) } }, notInt("_id")],
        ["insertOne", { document: { _id: int(3) } }, "(root): n is required"],
        [
          "insertOne",
          { document: { n: int(1) } },
          "_id: Invalid type. Expected: type: undefined, bsonType: int, given: [objectId mixed]"
        ],
        [
          "insertMany",
          {
            documents: [
              { _id: int(3), n: int(1) },
              { _id: int(4), n: "x" }
            ]
          },
          notInt("n")
        ],
        ["updateOne", { ...one, update: bad }, notInt("n")],
        ["updateOne", { ...one, update: { $unset: { n: 1 } } }, "(root): n is required"],
        ["updateOne", { ...one, update: [{ $set: { n: { $toString: "$n" } } }] }, notInt("n")],
        ["updateOne", { ...one, update: { secret: "x" } }, "(root): n is required"],
        ["updateMany", { query: {}, update: bad }, notInt("n")],
        [
          "updateMany",
          { query: {}, update: [{ $set: { n: { $cond: [{ $eq: ["$_id", 2] }, "x", "$n"] } } }] },
          notInt("n")
        ],
        ["updateOne", { query: { _id: int(9) }, update: { $set: { n: "x" } }, upsert: true }, notInt("n")],
        ["findOneAndUpdate", { ...filter, update: bad }, notInt("n")],
        ["findOneAndReplace", { ...filter, update: { n: "x" } }, notInt("n")],
        ["findOneAndUpdate", { filter: { _id: int(9) }, update: bad, upsert: true }, notInt("n")]
      ] as const) {
        assert.strictEqual(yield* call(name, argument), refused(...lines), `${name} ${JSON.stringify(argument)}`)
      }
      assert.deepStrictEqual(yield* call("find", { query: {} }), [
        { _id: int(1), n: int(1) },
        { _id: int(2), n: int(1) }
      ])
      assert.deepStrictEqual(yield* call("updateOne", { ...one, update: { $inc: { n: int(1) } } }), {
        matchedCount: int(1),
        modifiedCount: int(1)
      })
      assert.deepStrictEqual(yield* call("deleteMany", { query: {} }), { deletedCount: int(2) })
    }).pipe(Effect.provide(serve()))
  )

  it.live("checks functions of users, and lets the system write what it wants", () =>
    Effect.gen(function* () {
      const { call, own, sys } = yield* user
      const caught = { caught: `could not validate document: \n\t${notInt("n")}` }
      assert.deepStrictEqual(yield* own("insertOne", { _id: 1, n: "x" }), caught)
      const writes = [{ insertOne: { document: { _id: 2, n: 1 } } }, { insertOne: { document: { _id: 3, n: "x" } } }]
      assert.deepStrictEqual(yield* own("bulkWrite", writes), {
        caught: `1 of 2 writes failed, the first with: ${caught.caught}`
      })
      assert.deepStrictEqual(yield* sys("insertOne", { _id: 1, n: "x" }), { insertedId: int(1) })
      // what is there stays readable, and has to become valid with the next write
      assert.deepStrictEqual(yield* call("findOne", { query: { _id: int(1) } }), { _id: int(1), n: "x" })
      const note = { query: { _id: int(1) }, update: { $set: { note: "y" } } }
      assert.strictEqual(yield* call("updateOne", note), refused(notInt("n")))
      assert.strictEqual(
        yield* call("aggregate", { pipeline: [{ $match: {} }, { $merge: "things" }] }),
        '400 NoMatchingRuleFound aggregate not permitted: it writes to "things", which has a schema: run it as the system'
      )
    }).pipe(Effect.provide(serve()))
  )

  it.effect("reads schemas from rules of older exports, and refuses writes under one that is not understood", () =>
    Effect.gen(function* () {
      const { call } = yield* user
      assert.strictEqual(
        yield* call("insertOne", { document: { n: int(1) } }, "things", "old"),
        refused("n: Invalid type. Expected: type: undefined, bsonType: string, given: [integer int number mixed]")
      )
      assert.strictEqual(
        yield* call("insertOne", { document: {} }, "strange"),
        refused(
          "(root): the schema of the collection is not understood: at properties.a: the keyword 'bsonType' of a schema has an unknown type: 'text'"
        )
      )
      assert.deepStrictEqual(yield* call("find", { query: {} }, "strange"), [])
    }).pipe(Effect.provide(serve()))
  )

  it.live("does not tell of fields that are hidden", () =>
    Effect.gen(function* () {
      const { call, token } = yield* Effect.map(Effect.all([user, anonymous()]), ([{ call }, { access_token }]) => ({
        call,
        token: access_token
      }))
      yield* callFunction(token, "sys", [
        "aggregate",
        [{ $documents: [{ _id: 1, n: 1, hidden: 5 }] }, { $out: "parts" }]
      ])
      const change = { query: { _id: int(1) }, update: { $set: { n: "x" } } }
      assert.strictEqual(yield* call("updateOne", change, "parts"), refused(notInt("n")))
      assert.strictEqual(
        yield* call("updateOne", { ...change, update: { $set: { n: int(2) } } }, "parts"),
        refused("(root): a field that is hidden from the user is not valid")
      )
    }).pipe(Effect.provide(serve()))
  )

  it.effect("accepts any document if schemas are off", () =>
    Effect.gen(function* () {
      const { call } = yield* user
      for (const collection of ["things", "strange"]) {
        assert.property(yield* call("insertOne", { document: { n: "x" } }, collection), "insertedId")
      }
    }).pipe(Effect.provide(serve({ schemas: "off" })))
  )
})
