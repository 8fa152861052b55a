/** Documents that are shown in part: what may be done with the rest, and what their changes tell. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { type Database, type DatabaseError, type Document, makeMemory } from "effect-app-services/server/data/Database"
import { forbiddenCode } from "../../../src/server/data/DatabaseError.ts"
import * as Rules from "../../../src/server/data/Rules.ts"
import * as UserDatabase from "../../../src/server/data/UserDatabase.ts"
import { given } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const all = { read: true, write: true, insert: true, delete: true }

const opened = Effect.fnUntraced(function* (rule: unknown, ...documents: ReadonlyArray<Document>) {
  const whole = makeMemory()
  yield* whole.insert(namespace, documents)
  const collections = new Map([["d.c", Result.getOrThrow(Rules.compile(rule))]])
  const mine = UserDatabase.make(whole, new Map([["s", { open: false, collections }]]), given())
  const stored = Effect.map(whole.find(namespace, { filter: {} }), ([first]) => first)
  return { mine, stored, whole }
})

type Opened = Effect.Success<ReturnType<typeof opened>>

const update = ({ mine }: Pick<Opened, "mine">, update: Document | ReadonlyArray<Document>, filter: Document = {}) =>
  mine.update(namespace, { filter, change: { _tag: "Update", update } })

const refused = Effect.fnUntraced(function* (database: Opened, change: Document | ReadonlyArray<Document>) {
  const before = yield* database.stored
  const attempts: ReadonlyArray<Effect.Effect<unknown, DatabaseError>> = [
    update(database, change),
    database.mine.findOneAnd(namespace, { filter: {}, change: { _tag: "Update", update: change } })
  ]
  for (const attempt of attempts) {
    const { code, message } = yield* Effect.flip(attempt)
    assert.deepStrictEqual([code, message], [forbiddenCode, "update not permitted"], JSON.stringify(change))
  }
  assert.deepStrictEqual(yield* database.stored, before)
})

const readsA = { roles: [{ ...all, read: false, fields: { a: { read: true } } }] }
const withoutSecret = { roles: [all], filters: [{ projection: { secret: 0 } }] }
const one = { matchedCount: 1, modifiedCount: 1 }

describe("a change of a field that is hidden", () => {
  it.effect("tells neither its value nor its type", () =>
    Effect.gen(function* () {
      for (const rule of [
        { roles: [{ fields: { secret: { read: false, write: false } }, additional_fields: { write: true } }] },
        withoutSecret,
        readsA
      ]) {
        for (const secret of ["4111-1111", 42, { b: 1 }, [1]]) {
          const database = yield* opened(rule, { _id: 1, a: 1, secret })
          for (const operators of [
            { $set: { "secret.a": 1 } },
            { $set: { "secret.0": 1 } },
            { $inc: { secret: 1 } },
            { $push: { secret: 1 } },
            { $addToSet: { secret: 1 } },
            { $max: { secret: 1 } },
            { $pull: { secret: 1 } },
            { $set: { a: 2 }, $min: { secret: 1 } }
          ]) {
            yield* refused(database, operators)
          }
        }
      }
    })
  )

  it.effect("is refused where it would copy it to one that is shown", () =>
    Effect.gen(function* () {
      for (const rule of [readsA, withoutSecret]) {
        const database = yield* opened(rule, { _id: 1, a: 1, secret: "hidden" })
        for (const change of [
          { $rename: { secret: "a" } },
          { $rename: { a: "secret" } },
          [{ $set: { a: "$secret" } }],
          [{ $set: { b: 1 } }],
          { a: 1 },
          { a: 1, secret: "hidden" }
        ]) {
          yield* refused(database, change)
        }
        assert.deepStrictEqual(yield* database.mine.find(namespace, { filter: {} }), [{ _id: 1, a: 1 }])
      }
    })
  )

  it.effect("writes it if the rules allow it, and always counts as a modification", () =>
    Effect.gen(function* () {
      for (const rule of [readsA, withoutSecret]) {
        const database = yield* opened(rule, { _id: 1, a: 1, secret: 7 })
        for (const change of [
          { $set: { secret: 7 } },
          { $set: { secret: 8 } },
          { $unset: { secret: "" } },
          { $unset: { secret: "" } },
          { $set: { secret: 9 }, $inc: { a: 1 } },
          { $currentDate: { secret: true } }
        ]) {
          assert.deepStrictEqual(yield* update(database, change), one, JSON.stringify(change))
        }
        const { a, secret } = (yield* database.stored) ?? {}
        assert.strictEqual(a, 2)
        assert.instanceOf(secret, Date)
        // what changes nothing that is shown counts as that
        for (const change of [{ $set: { a: 2 } }, { $max: { a: 0 } }, { $setOnInsert: { secret: 1 } }]) {
          assert.deepStrictEqual(yield* update(database, change), { matchedCount: 1, modifiedCount: 0 })
        }
      }
    })
  )

  it.effect("says of one that is shown what is wrong with it", () =>
    Effect.gen(function* () {
      const database = yield* opened(withoutSecret, { _id: 1, a: "text", secret: 7 })
      const { message } = yield* Effect.flip(update(database, { $inc: { a: 1 } }))
      assert.match(message, /Cannot apply \$inc to a value of non-numeric type/)
      assert.match((yield* Effect.flip(update(database, { $nope: { secret: 1 } }))).message, /Unknown modifier: \$nope/)
    })
  )

  it.effect("tells that there is no room below it, and not what is there", () =>
    Effect.gen(function* () {
      const below = { roles: [{ fields: { a: { fields: { b: { write: true } } } } }] }
      for (const a of [4111, "4111", null]) {
        yield* refused(yield* opened(below, { _id: 1, a }), { $set: { "a.b": 1 } })
        yield* refused(yield* opened(below, { _id: 1, a }), { $inc: { "a.b": 1 } })
      }
      // of a list, it is shown that it is one
      const { message } = yield* Effect.flip(
        update(yield* opened(below, { _id: 1, a: [4111] }), { $set: { "a.b": 1 } })
      )
      assert.strictEqual(message, "Cannot create field 'b' in element {a: []}")
      for (const a of [{}, { b: 2, c: 3 }]) {
        assert.deepStrictEqual(yield* update(yield* opened(below, { _id: 1, a }), { $set: { "a.b": 1 } }), one)
      }
    })
  )

  it.effect("takes a number for a field's name, or for a place in a list, as the document has it", () =>
    Effect.gen(function* () {
      const below = { fields: { 2024: { write: true } }, additional_fields: { read: true } }
      const rule = { roles: [{ fields: { scores: below, list: { write: true } } }] }
      const document = { _id: 1, scores: { 2024: 1, 2023: 1 }, list: [1, 2] }
      const database = yield* opened(rule, document)
      assert.deepStrictEqual(yield* update(database, { $inc: { "scores.2024": 1 }, $set: { "list.1": 3 } }), one)
      assert.deepStrictEqual(yield* database.stored, { ...document, scores: { 2024: 2, 2023: 1 }, list: [1, 3] })
      yield* refused(database, { $inc: { "scores.2023": 1 } })
      // what is in a list with permissions of its own is written by those who may write all of it
      yield* refused(yield* opened(rule, { _id: 1, scores: [{ 2024: 1 }] }), { $set: { "scores.0.2024": 2 } })
    })
  )

  it.effect("looks for no element by what is hidden of it", () =>
    Effect.gen(function* () {
      const rule = { roles: [all], filters: [{ projection: { "items.secret": 0 } }] }
      const items = [1, 2].map((x) => ({ x, secret: x }))
      const database = yield* opened(rule, { _id: 1, items, list: [1, 2] })
      const filtered = (path: string, arrayFilter: Document) =>
        database.mine.update(namespace, {
          filter: {},
          change: { _tag: "Update", update: { $set: { [path]: 9 } }, arrayFilters: [arrayFilter] }
        })
      const { message } = yield* Effect.flip(filtered("items.$[e].x", { "e.secret": 2 }))
      assert.strictEqual(message, "update not permitted")
      assert.deepStrictEqual(yield* filtered("list.$[e]", { e: 2 }), one)
      assert.deepStrictEqual(yield* database.mine.find(namespace, { filter: {} }), [
        { _id: 1, items: [{ x: 1 }, { x: 2 }], list: [1, 9] }
      ])
    })
  )

  it.effect("is as any other for who sees the whole of the document", () =>
    Effect.gen(function* () {
      const rule = { roles: [{ apply_when: { open: true }, ...all }, { fields: { a: { write: true } } }] }
      const database = yield* opened(rule, { _id: 1, open: true, a: 1, list: [1, 2], secret: 7 })
      assert.deepStrictEqual(yield* update(database, { $inc: { secret: 1 } }), one)
      assert.deepStrictEqual(yield* update(database, [{ $set: { a: "$secret" } }]), one)
      assert.deepStrictEqual(yield* update(database, { $set: { "list.$": 5 } }, { list: 2 }), one)
      assert.deepStrictEqual(yield* database.stored, { _id: 1, open: true, a: 8, list: [1, 5], secret: 8 })
    })
  )
})

describe("the projection of a filter", () => {
  it.effect.each<readonly [object, Document, Document]>([
    [{ a: 1 }, { _id: 1, a: { b: 1 }, c: 1 }, { _id: 1, a: { b: 1 } }],
    [{ "a.b": 1 }, { _id: 1, a: { b: 1, c: 1 }, c: 1 }, { _id: 1, a: { b: 1 } }],
    [{ "a.b": 1 }, { _id: 1, a: [{ b: 1, c: 1 }, 5, [{ b: 2, c: 2 }]] }, { _id: 1, a: [{ b: 1 }, [{ b: 2 }]] }],
    [{ "a.b": 1 }, { _id: 1, a: 5 }, { _id: 1 }],
    [{ "a.b": 0 }, { _id: 1, a: [{ b: 1, c: 1 }, 5], d: 1 }, { _id: 1, a: [{ c: 1 }, 5], d: 1 }],
    [
      { "a.b": false, c: 0 },
      { _id: 1, a: 5, c: 1 },
      { _id: 1, a: 5 }
    ],
    [{ _id: 1 }, { _id: 1, a: 1 }, { _id: 1 }],
    [
      { _id: 1, a: 0 },
      { _id: 1, a: 1, b: 1 },
      { _id: 1, b: 1 }
    ],
    [{ "2024": 0 }, { _id: 1, 2024: 1, 2025: 1 }, { _id: 1, 2025: 1 }]
  ])("%j shows of %j %j", ([projection, document, shown]) =>
    Effect.gen(function* () {
      const { mine } = yield* opened({ roles: [all], filters: [{ projection }] }, document)
      assert.deepStrictEqual(yield* mine.find(namespace, { filter: {} }), [shown])
    })
  )

  it("goes together with those of others, and with the fields of a role", () => {
    const access = Effect.runSync(
      Result.getOrThrow(
        Rules.compile({
          roles: [{ fields: { a: { fields: { b: { read: true }, c: { read: true } } }, d: { read: true } } }],
          filters: [{ projection: { "a.b": 0 } }, { projection: { a: 1, e: 1 } }]
        })
      ).accessOf(given())
    )
    assert.deepStrictEqual(access.shown({ _id: 1, a: { b: 1, c: 1, x: 1 }, d: 1, e: 1 }), { _id: 1, a: { c: 1 } })
  })

  it.each<readonly [Document, string]>([
    [{ a: 1, b: 0 }, "filters[0].projection.b"],
    [{ a: 1, "a.b": 1 }, "filters[0].projection.a.b"],
    [{ "a.b": 1, a: 1 }, "filters[0].projection.a"],
    [{ "a.$": 1 }, "filters[0].projection.a.$"],
    [{ "a..b": 1 }, "filters[0].projection.a..b"]
  ])("%j is not understood", (projection, place) => {
    const compiled = Rules.compile({ roles: [all], filters: [{ projection }] })
    if (Result.isSuccess(compiled)) assert.fail("it was understood")
    assert.strictEqual(compiled.failure.place, place)
  })
})

/** What a user's stream tells of changes that the system makes, up to the insertion of a document named "end". */
const told = Effect.fnUntraced(function* (
  { mine, whole }: Opened,
  act: (whole: Database["Service"]) => Effect.Effect<unknown, unknown>,
  options: { readonly before?: boolean } = {}
) {
  yield* whole.delete(namespace, { filter: { _id: "end" } })
  const events = yield* mine.watch(namespace, options)
  yield* act(whole)
  yield* whole.insert(namespace, [{ _id: "end" }])
  const all = yield* Stream.runCollect(
    events.pipe(Stream.takeUntil(({ documentKey }) => (documentKey as Document)["_id"] === "end"))
  )
  return all.slice(0, -1)
})

const set = (update: Document) => (whole: Database["Service"]) =>
  whole.update(namespace, { filter: { _id: 1 }, change: { _tag: "Update", update } })

describe("the changes of documents that are shown in part", () => {
  const years = {
    roles: [
      {
        fields: { 2024: { read: false }, scores: { fields: { 2023: { read: false }, open: { read: true } } } },
        additional_fields: { read: true }
      }
    ]
  }
  const pub = { roles: [{ fields: { pub: { read: true } } }] }

  it.effect.each<readonly [object, Document, Document, Document | undefined]>([
    // a name that is a number is one of a field
    [years, { 2024: { x: 1 } }, { $set: { "2024.x": "TOP" } }, undefined],
    [years, { scores: { 2023: { x: 1 }, open: 1 } }, { $set: { "scores.2023.x": "TOP" } }, undefined],
    [years, { 2024: { y: 1, z: 1 } }, { $unset: { "2024.y": 1 }, $set: { "2024.z": "TOP" } }, undefined],
    [years, { 2024: 1 }, { $unset: { 2024: 1 } }, undefined],
    [
      years,
      { scores: { 2023: 1, open: 1 } },
      { $set: { "scores.2023": "TOP", "scores.open": 2 } },
      { updatedFields: { "scores.open": 2 }, removedFields: [], truncatedArrays: [] }
    ],
    [
      years,
      { 2025: { x: 1 } },
      { $set: { "2025.x": 2 } },
      { updatedFields: { "2025.x": 2 }, removedFields: [], truncatedArrays: [] }
    ],
    // what is set as a whole is told as far as it is shown
    [
      years,
      {},
      { $set: { scores: { 2023: "TOP", open: 1 } } },
      { updatedFields: { scores: { open: 1 } }, removedFields: [], truncatedArrays: [] }
    ],
    [
      years,
      { a: 1, 2024: "TOP" },
      { $unset: { a: 1, 2024: 1 } },
      { updatedFields: {}, removedFields: ["a"], truncatedArrays: [] }
    ],
    [
      pub,
      { pub: { a: 1 } },
      { $set: { "pub.secret": 1 } },
      { updatedFields: { "pub.secret": 1 }, removedFields: [], truncatedArrays: [] }
    ]
  ])("%j of %j by %j tell %j", ([rule, document, change, description]) =>
    Effect.gen(function* () {
      const events = yield* told(yield* opened(rule, { _id: 1, ...document }), set(change))
      assert.notInclude(JSON.stringify(events), "TOP")
      assert.deepStrictEqual(
        events.map(({ updateDescription }) => updateDescription),
        description === undefined ? [] : [description]
      )
    })
  )

  it.effect("tell nothing of a hidden field whose name has a dot", () =>
    Effect.gen(function* () {
      const database = yield* opened(pub, { _id: 1, pub: { secret: 1 }, "pub.secret": "TOP1" })
      const replaced = (document: Document) => (whole: Database["Service"]) =>
        whole.update(namespace, { filter: { _id: 1 }, change: { _tag: "Replace", document } })
      assert.deepStrictEqual(yield* told(database, replaced({ pub: { secret: 1 }, "pub.secret": "TOP2" })), [])
      // a pipeline writes such a name, too
      const [event, ...more] = yield* told(database, (whole) =>
        whole.update(namespace, {
          filter: { _id: 1 },
          change: {
            _tag: "Update",
            update: [{ $replaceWith: { $literal: { _id: 1, pub: { secret: 2 }, "pub.secret": "TOP3" } } }]
          }
        })
      )
      assert.lengthOf(more, 0)
      assert.deepStrictEqual(event?.["updateDescription"], {
        updatedFields: { "pub.secret": 2 },
        removedFields: [],
        truncatedArrays: []
      })
      assert.deepStrictEqual(event["fullDocument"], { _id: 1, pub: { secret: 2 } })
    })
  )

  it.effect("tell of a document that comes into view what is shown of it then", () =>
    Effect.gen(function* () {
      const rule = { roles: [{ apply_when: { open: true }, fields: { a: { read: true } } }] }
      const end = { roles: [...rule.roles, { apply_when: { _id: "end" }, read: true }] }
      const database = yield* opened(end, { _id: 1, a: 1, old: 1, secret: "TOP" })
      const events = yield* told(database, set({ $set: { open: true }, $unset: { old: 1 } }))
      assert.deepStrictEqual(
        events.map(({ fullDocument, operationType, updateDescription }) => [
          operationType,
          fullDocument,
          updateDescription
        ]),
        [["update", { _id: 1, a: 1 }, { updatedFields: { a: 1 }, removedFields: [], truncatedArrays: [] }]]
      )
    })
  )

  it.effect("includes what was visible before, on request", () =>
    Effect.gen(function* () {
      const database = yield* opened(withoutSecret, { _id: 1, a: 1, secret: "TOP" })
      const change = set({ $set: { a: 2, secret: "TOP2" } })
      const [event] = yield* told(database, change, { before: true })
      assert.deepStrictEqual(event?.["fullDocumentBeforeChange"], { _id: 1, a: 1 })
      const [without] = yield* told(yield* opened(withoutSecret, { _id: 1, a: 1 }), change)
      assert.notProperty(without, "fullDocumentBeforeChange")
    })
  )

  it.effect("does not reveal how many other changes there were", () =>
    Effect.gen(function* () {
      const stories = yield* Effect.forEach([0, 5], (hidden) =>
        Effect.gen(function* () {
          const database = yield* opened(withoutSecret, { _id: 1, a: 1, secret: 0 })
          return yield* told(database, (whole) =>
            Effect.gen(function* () {
              yield* set({ $set: { a: 2 } })(whole)
              for (let i = 1; i <= hidden; i++) yield* set({ $set: { secret: i } })(whole)
              yield* set({ $set: { a: 3 } })(whole)
            })
          )
        })
      )
      const [without, among] = stories.map((events) => events.map(({ _id, ...event }) => event))
      assert.deepStrictEqual(among, without)
      const tokens = stories.flat().map(({ _id }) => JSON.stringify(_id))
      // random, they share nothing that could be counted
      assert.lengthOf(new Set(tokens.map((token) => token.slice(0, '{"_data":"12345678'.length))), 4)
      // a token still finds its place
      const { mine, whole } = yield* opened(withoutSecret, { _id: 1, a: 1 })
      const first = yield* mine.watch(namespace, {})
      yield* set({ $set: { secret: 1, a: 2 } })(whole)
      yield* set({ $set: { secret: 2 } })(whole)
      yield* set({ $set: { a: 3 } })(whole)
      const [event] = yield* Stream.runCollect(Stream.take(first, 1))
      const more = yield* mine.watch(namespace, { resumeAfter: event["_id"] })
      const [next] = yield* Stream.runCollect(Stream.take(more, 1))
      assert.deepStrictEqual(next["fullDocument"], { _id: 1, a: 3 })
    })
  )
})
