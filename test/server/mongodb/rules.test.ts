import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as MongoDatabase from "effect-app-services/mongodb"
import { App, Database, MongoWire } from "effect-app-services/server"
import type { DataSource } from "../../../src/server/data/DataAccess.ts"
import * as Rules from "../../../src/server/data/Rules.ts"
import * as UserDatabase from "../../../src/server/data/UserDatabase.ts"

const app = App.make({ id: "shop", mongodb: { "mongodb-atlas": "closed" } })

const overWire = Layer.unwrap(
  MongoWire.MongoWire.use(({ uri }) => Effect.map(uri(), (uri) => MongoDatabase.layer({ uri })))
).pipe(Layer.provide(MongoWire.layer(app).pipe(Layer.provide(Database.Database.layerMemory))))

const given: Rules.Given = {
  user: { id: "ada", type: "normal", data: {}, customData: {}, identities: [] },
  values: new Map(),
  environment: { tag: "", values: new Map() },
  request: undefined,
  call: () => Effect.die("no function is called")
}

const place = (collection: string) => ({ appId: "shop", service: "mongodb-atlas", database: "shop", collection })

/** The database of the user `ada`. */
const userDatabase = (rules: Record<string, unknown>) =>
  Effect.map(Database.Database, (whole) => {
    const source: DataSource = {
      open: false,
      collections: new Map(
        Object.entries(rules).map(([name, rule]) => [`shop.${name}`, Result.getOrThrow(Rules.compile(rule as never))])
      )
    }
    return UserDatabase.make(whole, new Map([["mongodb-atlas", source]]), given)
  })

const own = { name: "own", apply_when: { owner: "%%user.id" }, read: true, write: true, insert: true, delete: true }

describe("rules on MongoDB", () => {
  it.live("show and change the documents of a role, and no others", () =>
    Effect.gen(function* () {
      const whole = yield* Database.Database
      yield* whole.insert(place("notes"), [
        { _id: 1, owner: "ada", n: 1 },
        { _id: 2, owner: "ben", n: 1 }
      ])
      const notes = yield* userDatabase({ notes: { roles: [own] } })
      assert.deepEqual(yield* notes.find(place("notes"), { filter: {} }), [{ _id: 1, owner: "ada", n: 1 }])
      assert.strictEqual(yield* notes.count(place("notes"), { filter: { n: 1 } }), 1)
      assert.deepEqual(yield* notes.distinct(place("notes"), "owner", {}), ["ada"])
      const change = { _tag: "Update", update: { $inc: { n: 1 } } } as const
      const updated = yield* notes.update(place("notes"), { filter: {}, change, many: true })
      assert.deepEqual(updated, { matchedCount: 1, modifiedCount: 1 })
      assert.strictEqual(yield* notes.delete(place("notes"), { filter: { _id: 2 } }), 0)
      assert.deepEqual(yield* whole.find(place("notes"), { filter: {}, sort: { _id: 1 } }), [
        { _id: 1, owner: "ada", n: 2 },
        { _id: 2, owner: "ben", n: 1 }
      ])
      assert.strictEqual((yield* Effect.flip(notes.find(place("others"), { filter: {} }))).code, 13)
    }).pipe(Effect.provide(overWire, { local: true }))
  )

  it.live("show the parts of documents that a role may read, and tell nothing of the others", () =>
    Effect.gen(function* () {
      const whole = yield* Database.Database
      yield* whole.insert(place("notes"), [
        { _id: 1, owner: "ada", text: "hello", secret: "hush" },
        { _id: 2, owner: "ben", text: "bye", secret: "hush" }
      ])
      const { read: _, write: __, ...rest } = own
      const partial = { ...rest, fields: { secret: { read: false } }, additional_fields: { read: true } }
      const notes = yield* userDatabase({ notes: { roles: [partial] } })
      assert.deepEqual(yield* notes.find(place("notes"), { filter: {} }), [{ _id: 1, owner: "ada", text: "hello" }])
      assert.strictEqual(yield* notes.count(place("notes"), { filter: { secret: "hush" } }), 0)
      assert.strictEqual(yield* notes.count(place("notes"), { filter: { secret: null } }), 1)
      assert.deepEqual(yield* notes.distinct(place("notes"), "secret", {}), [])
      const pipeline = [{ $project: { secret: 1, text: 1, length: { $strLenCP: { $ifNull: ["$secret", ""] } } } }]
      assert.deepEqual(yield* notes.aggregate(place("notes"), pipeline), [{ _id: 1, text: "hello", length: 0 }])
    }).pipe(Effect.provide(overWire, { local: true }))
  )

  it.live("refuse a collation where they compare strings, and change the document that they checked", () =>
    Effect.gen(function* () {
      const whole = yield* Database.Database
      const collation = { locale: "en", strength: 1 }
      yield* whole.insert(place("notes"), [
        { _id: "A.b", owner: "ADA", open: true, n: 1 },
        { _id: "a.B", owner: "ada", open: true, n: 1 }
      ])
      const notes = yield* userDatabase({ notes: { roles: [own] } })
      const refused = yield* Effect.flip(notes.find(place("notes"), { filter: { owner: "ADA" }, collation }))
      assert.strictEqual(refused.code, 115)
      assert.match(
        refused.message,
        /a collation is not supported on a collection of MongoDB whose rules compare strings/
      )
      const flagged = yield* userDatabase({ notes: { roles: [{ ...own, apply_when: { open: true } }] } })
      assert.lengthOf(yield* flagged.find(place("notes"), { filter: { owner: "Ada" }, collation }), 2)
      const change = { _tag: "Update", update: { $inc: { n: 1 } } } as const
      const asked = { filter: { owner: "ada" }, sort: { _id: -1 }, change, collation, returnNew: true }
      const [last] = yield* flagged.find(place("notes"), { filter: {}, sort: { _id: -1 }, limit: 1, collation })
      const changed = (yield* flagged.findOneAnd(place("notes"), asked)) ?? {}
      assert.deepEqual(changed, { ...last, n: 2 })
      assert.strictEqual(yield* whole.count(place("notes"), { filter: { n: 2 } }), 1)
      assert.deepEqual(yield* whole.find(place("notes"), { filter: { _id: last?.["_id"], n: 2 } }), [changed])
    }).pipe(Effect.provide(overWire, { local: true }))
  )

  it.live("makes MongoDB examine the documents that rule and filter need, and no others", () =>
    Effect.gen(function* () {
      const whole = yield* Database.Database
      yield* whole.insert(
        place("notes"),
        Array.from({ length: 200 }, (_, i) => ({ _id: i, owner: i % 10 === 0 ? "ada" : `u${i % 10}`, n: i % 4 }))
      )
      yield* whole.index(place("notes"), { key: { owner: 1, n: 1 } })
      const explanations: Array<ReturnType<typeof whole.explain>> = []
      const source: DataSource = {
        open: false,
        collections: new Map([["shop.notes", Result.getOrThrow(Rules.compile({ roles: [own] }))]])
      }
      const notes = UserDatabase.make(
        {
          ...whole,
          run: (operation) =>
            Effect.andThen(
              Effect.sync(() => explanations.push(whole.explain(operation))),
              whole.run(operation)
            )
        },
        new Map([["mongodb-atlas", source]]),
        given
      )
      const examined = Effect.fnUntraced(function* (filter: Database.Document, limit?: number) {
        explanations.length = 0
        const found = yield* notes.find(place("notes"), { filter, limit })
        const explained = yield* Effect.all(explanations)
        return [found.length, ...explained.map(({ documentsExamined }) => documentsExamined)]
      })
      assert.deepStrictEqual(yield* examined({}), [20, 20])
      assert.deepStrictEqual(yield* examined({ n: 2 }), [10, 10])
      assert.deepStrictEqual(yield* examined({ _id: 50 }, 1), [1, 1])
      assert.deepStrictEqual(yield* examined({ _id: 51 }, 1), [0, 1])
    }).pipe(Effect.provide(overWire, { local: true }))
  )
})
