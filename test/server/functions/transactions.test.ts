import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { anonymous, callFunction } from "../support.ts"
import { exported, result } from "./support.ts"

const open = `
  const client = context.services.get("mongodb-atlas")
  const accounts = client.db("d").collection("accounts")
  const all = async () => Object.fromEntries((await accounts.find().toArray()).map(({ _id, n }) => [_id, Number(n)]))
`
/** What calls tell each other, which share nothing but the database. */
const marks = `
  const marks = context.services.get("mongodb-atlas").db("d").collection("marks")
  const mark = (_id, value) => marks.insertOne({ _id, value })
  const marked = async (_id) => {
    for (;;) {
      const found = await marks.findOne({ _id })
      if (found) return found.value
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
`
const start = `
  await accounts.insertMany([{ _id: "a", n: 10 }, { _id: "b", n: 0 }])
  const session = client.startSession()
  const add = (_id, n, options = { session }) => accounts.updateOne({ _id }, { $inc: { n } }, options)
`
const run = (body: string) => result(`exports = async () => { ${open} ${start} ${body} }`)

describe("transactions of functions", () => {
  it.effect("see their own writes, which others see after the commit", () =>
    Effect.gen(function* () {
      const seen = yield* run(`
        session.startTransaction({ readConcern: { level: "snapshot" } })
        await add("a", -5)
        await add("b", 5)
        await accounts.insertOne({ _id: "c", n: 1 }, { session })
        const inside = await accounts.find({}, {}, { session }).toArray()
        const counted = await accounts.count({ n: 5 }, { session })
        const outside = await all()
        await session.commitTransaction()
        await session.endSession()
        return [inside.map(({ n }) => Number(n)), Number(counted), outside, await all()]
      `)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(seen).replaceAll(/\{"\$numberInt":"(-?\d+)"\}/g, "$1")), [
        [5, 5, 1],
        2,
        { a: 10, b: 0 },
        { a: 5, b: 5, c: 1 }
      ])
    })
  )

  it.effect.each([
    ["aborted", "await session.abortTransaction()"],
    ["given up with its session", "await session.endSession()"],
    ["failed", "await accounts.insertOne({ _id: 'a' }, { session }).catch(() => session.abortTransaction())"]
  ])("that are %s leave nothing", ([, end]) =>
    Effect.gen(function* () {
      const left = yield* run(
        `session.startTransaction(); await add("a", -5); ${end}; return JSON.stringify(await all())`
      )
      assert.strictEqual(left, '{"a":10,"b":0}')
    })
  )

  it.effect("withTransaction retries after a write conflict", () =>
    Effect.gen(function* () {
      const told = yield* run(`
        let attempts = 0
        const answer = await session.withTransaction(async (given) => {
          attempts++
          const { n } = await accounts.findOne({ _id: "a" }, {}, { session: given })
          if (attempts === 1) await add("a", 100, {})
          await accounts.updateOne({ _id: "a" }, { $set: { n: n + 1 } }, { session: given })
          return "done"
        })
        return JSON.stringify([attempts, answer, await all()])
      `)
      assert.strictEqual(told, '[2,"done",{"a":111,"b":0}]')
    })
  )

  it.effect("fails with MongoDB's error on a write conflict", () =>
    Effect.gen(function* () {
      const told = yield* run(`
        session.startTransaction()
        await add("a", 1)
        await add("a", 1, {})
        try {
          await session.commitTransaction()
        } catch (error) {
          return JSON.stringify([error.code, error.errorLabels, error.hasErrorLabel("TransientTransactionError"), await all()])
        }
      `)
      assert.strictEqual(told, '[112,["TransientTransactionError"],true,{"a":11,"b":0}]')
    })
  )

  it.effect("end where withTransaction's function throws, which is told", () =>
    Effect.gen(function* () {
      const told = yield* run(`
        const error = await session
          .withTransaction(async () => { await add("a", 1); throw new Error("no") })
          .catch((error) => error)
        return JSON.stringify([error.message, session.inTransaction(), await all()])
      `)
      assert.strictEqual(told, '["no",false,{"a":10,"b":0}]')
    })
  )

  it.effect.each([
    ["session.startTransaction(); session.startTransaction()", "Transaction already in progress"],
    ["await session.commitTransaction()", "No transaction started"],
    ["await session.endSession(); session.startTransaction()", "Cannot use a session that has ended"],
    ["await session.endSession(); await add('a', 1)", "Cannot use a session that has ended"],
    ["session.startTransaction({ hurry: 1 })", 'the option "hurry" of a transaction is not supported'],
    ["await add('a', 1, { session: {} })", "must be what startSession of this call answered"],
    [
      "session.startTransaction(); await add('a', 1); const p = session.commitTransaction(); await p; session.startTransaction();" +
        "await accounts.insertOne({ _id: 'a' }, { session }).catch(() => {}); await session.commitTransaction()",
      "the transaction has ended"
    ]
  ])("that are misused (%s) say how", ([body, message]) =>
    Effect.gen(function* () {
      const told = yield* run(`try { ${body} } catch (error) { return error.message }`)
      assert.include(told, message)
    })
  )

  it.effect("aborts the transactions of a call that exceeds its time limit", () =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous()
      yield* callFunction(access_token, "fill", [])
      const call = yield* Effect.forkChild(callFunction(access_token, "f", []))
      // its write is in its transaction
      assert.strictEqual((yield* callFunction(access_token, "begun", [])).text, "true")
      yield* TestClock.adjust("2 minutes")
      assert.include((yield* Fiber.join(call)).text, "ExecutionTimeLimitExceeded")
      yield* callFunction(access_token, "resume", [])
      assert.strictEqual(
        (yield* callFunction(access_token, "add", [])).text,
        '"the transaction has ended: an error, a commit or an abort ended it"'
      )
      assert.strictEqual((yield* callFunction(access_token, "all", [])).text, '"{\\"a\\":11,\\"b\\":0}"')
    }).pipe(
      Effect.provide(
        exported({
          fill: `exports = async () => { ${open} ${start} }`,
          f: `exports = async () => { ${open}
            ${marks}
            const session = client.startSession()
            session.startTransaction()
            await accounts.updateOne({ _id: "a" }, { $inc: { n: 5 } }, { session })
            await mark("begun", true)
            await marked("resume")
            await mark("late", await session.commitTransaction().then(() => "committed", (error) => error.message))
          }`,
          begun: `exports = () => { ${marks} return marked("begun") }`,
          resume: `exports = async () => { ${marks} await mark("resume", true) }`,
          add: `exports = async () => { ${open} ${marks} await accounts.updateOne({ _id: "a" }, { $inc: { n: 1 } }); return marked("late") }`,
          all: `exports = async () => { ${open} return JSON.stringify(await all()) }`
        })
      )
    )
  )
})

describe("many writes at once", () => {
  it.effect("collects writes and executes them, ordered or unordered", () =>
    Effect.gen(function* () {
      const told = yield* run(`
        const bulk = accounts.initializeUnorderedBulkOp()
        bulk.insert({ _id: "c", n: 1 })
        bulk.find({ n: { $lt: 10 } }).update({ $inc: { n: 1 } })
        bulk.find({ _id: "d" }).upsert().updateOne({ $set: { n: 7 } })
        bulk.find({ _id: "a" }).deleteOne()
        const result = await bulk.execute()
        const failing = (bulk) => {
          bulk.insert({ _id: "b" })
          bulk.insert({ _id: result.insertedCount + "-" + result.upsertedIds[2] })
          return bulk.execute().catch(({ code, message }) => [code, message.slice(0, 30)])
        }
        const unordered = await failing(accounts.initializeUnorderedBulkOp())
        const ordered = await failing(accounts.initializeOrderedBulkOp())
        return JSON.stringify([await all(), unordered, ordered])
      `)
      assert.strictEqual(
        told,
        JSON.stringify([
          { b: 1, c: 2, d: 7, "1-d": null },
          [11_000, "1 of 2 writes failed, the firs"],
          [11_000, "1 of 2 writes failed, the firs"]
        ])
      )
    })
  )

  it.effect("bulkWrite uses its session, and stops at the first failure if it is ordered", () =>
    Effect.gen(function* () {
      const told = yield* run(`
        const writes = [
          { insertOne: { document: { _id: "a" } } },
          { updateOne: { filter: { _id: "b" }, update: { $set: { n: 3 } } } }
        ]
        await accounts.bulkWrite(writes).catch(() => {})
        const ordered = await all()
        await accounts.bulkWrite(writes, { ordered: false }).catch(() => {})
        const unordered = await all()
        session.startTransaction()
        await accounts.bulkWrite([{ deleteMany: { filter: {} } }], { session })
        await session.abortTransaction()
        await accounts.update({ n: { $gt: 0 } }, { $inc: { n: 1 } }, { multi: true })
        const names = await client.db("d").getCollectionNames()
        return JSON.stringify([ordered, unordered, await all(), names, await client.db("d").listCollections().toArray()])
      `)
      assert.strictEqual(
        told,
        JSON.stringify([
          { a: 10, b: 0 },
          { a: 10, b: 3 },
          { a: 11, b: 4 },
          ["accounts"],
          [{ name: "accounts", type: "collection" }]
        ])
      )
    })
  )
})
