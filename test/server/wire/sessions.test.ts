import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Long } from "mongodb"
import { failureOf, layer, open, proxied, uriOf, withClient } from "./support.ts"

interface Account {
  readonly _id: string
  readonly balance: number
}

describe("transactions on the MongoDB port", () => {
  it.live("commits or aborts all writes of a transaction, which others see only afterwards", () =>
    withClient(async (client) => {
      const accounts = client.db("bank").collection<Account>("accounts")
      await accounts.insertMany([
        { _id: "ada", balance: 10 },
        { _id: "ben", balance: 0 }
      ])
      const session = client.startSession()
      session.startTransaction()
      await accounts.updateOne({ _id: "ada" }, { $inc: { balance: -4 } }, { session })
      await accounts.updateOne({ _id: "ben" }, { $inc: { balance: 4 } }, { session })
      assert.strictEqual((await accounts.findOne({ _id: "ben" }, { session }))?.balance, 4)
      assert.strictEqual((await accounts.findOne({ _id: "ben" }))?.balance, 0)
      await session.abortTransaction()
      assert.strictEqual((await accounts.findOne({ _id: "ben" }, { session }))?.balance, 0)
      session.startTransaction()
      await accounts.updateOne({ _id: "ben" }, { $inc: { balance: 4 } }, { session })
      const read = await accounts.find({}, { session, batchSize: 1 }).toArray()
      assert.deepEqual(
        read.map(({ balance }) => balance),
        [10, 4]
      )
      await session.commitTransaction()
      await session.commitTransaction()
      assert.strictEqual((await accounts.findOne({ _id: "ben" }))?.balance, 4)
      await session.endSession()
    })
  )

  it.live("repeats a transaction after a write conflict until it succeeds", () =>
    withClient(async (client) => {
      const accounts = client.db("bank").collection<Account>("accounts")
      await accounts.insertOne({ _id: "ada", balance: 0 })
      let attempts = 0
      await Promise.all(
        Array.from({ length: 10 }, () =>
          client.withSession((session) =>
            session.withTransaction(async () => {
              attempts++
              const account = await accounts.findOne({ _id: "ada" }, { session })
              await accounts.updateOne({ _id: "ada" }, { $set: { balance: (account?.balance ?? 0) + 1 } }, { session })
            })
          )
        )
      )
      assert.strictEqual((await accounts.findOne({ _id: "ada" }))?.balance, 10)
      assert.isAbove(attempts, 10)
    })
  )

  it.live("tells of a write conflict with the label to retry, and ends the transaction", () =>
    withClient(async (client) => {
      const accounts = client.db("bank").collection<Account>("accounts")
      await accounts.insertOne({ _id: "ada", balance: 0 })
      const session = client.startSession()
      session.startTransaction()
      await accounts.findOne({ _id: "ada" }, { session })
      await accounts.updateOne({ _id: "ada" }, { $set: { balance: 1 } })
      const conflict = await failureOf(accounts.updateOne({ _id: "ada" }, { $set: { balance: 2 } }, { session }))
      assert.deepEqual([conflict.code, conflict.codeName], [112, "WriteConflict"])
      assert.isTrue(conflict.hasErrorLabel("TransientTransactionError"))
      const ended = await failureOf(accounts.findOne({ _id: "ada" }, { session }))
      assert.deepEqual([ended.code, ended.codeName], [251, "NoSuchTransaction"])
      assert.isTrue(ended.hasErrorLabel("TransientTransactionError"))
      await session.abortTransaction()
      session.startTransaction()
      await accounts.insertOne({ _id: "ben", balance: 0 }, { session })
      const duplicate = await failureOf(accounts.insertOne({ _id: "ada", balance: 0 }, { session }))
      assert.strictEqual(duplicate.code, 11_000)
      assert.strictEqual((await failureOf(session.commitTransaction())).code, 251)
      assert.isNull(await accounts.findOne({ _id: "ben" }))
      session.startTransaction()
      const count = await failureOf(accounts.estimatedDocumentCount({ session }))
      assert.strictEqual(count.codeName, "OperationNotSupportedInTransaction")
      await session.abortTransaction()
      await session.endSession()
    })
  )

  it.effect("aborts a transaction that is open for more than a minute", () =>
    Effect.gen(function* () {
      const client = yield* open(yield* uriOf())
      const accounts = client.db("bank").collection<Account>("accounts")
      const session = client.startSession()
      session.startTransaction()
      yield* Effect.promise(() => accounts.insertOne({ _id: "ada", balance: 0 }, { session }))
      yield* TestClock.adjust("71 seconds")
      const failure = yield* Effect.promise(() => failureOf(session.commitTransaction()))
      assert.strictEqual(failure.codeName, "NoSuchTransaction")
      assert.strictEqual(yield* Effect.promise(() => accounts.countDocuments()), 0)
      yield* Effect.promise(() => session.endSession())
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )

  it.live("keeps transactions of different users apart", () =>
    Effect.gen(function* () {
      const shop = yield* open(yield* uriOf("shop"))
      const archive = yield* open(yield* uriOf("shop.archive"))
      yield* Effect.promise(async () => {
        const mine = shop.startSession()
        const theirs = archive.startSession()
        Object.assign(theirs.id ?? {}, { id: mine.id?.id })
        for (const session of [mine, theirs]) session.startTransaction()
        await shop.db("bank").collection("a").insertOne({ a: 1 }, { session: mine })
        assert.isNull(await archive.db("bank").collection("a").findOne({}, { session: theirs }))
        await theirs.abortTransaction()
        await mine.commitTransaction()
        assert.strictEqual(await shop.db("bank").collection("a").countDocuments(), 1)
        assert.strictEqual(await archive.db("bank").collection("a").countDocuments(), 0)
        await mine.endSession()
        await theirs.endSession()
      })
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )
})

describe("retryable writes on the MongoDB port", () => {
  it.live("executes a write once when its reply is lost and the driver sends it again", () =>
    Effect.gen(function* () {
      const proxy = yield* proxied(yield* uriOf())
      const client = yield* open(proxy.uri, { monitorCommands: true })
      const items = client.db("shop").collection<{ _id: number; n: number }>("items")
      const started: Array<string> = []
      client.on("commandStarted", ({ commandName }) => started.push(commandName))
      yield* Effect.promise(async () => {
        proxy.loseReplyTo("insert")
        await items.insertOne({ _id: 1, n: 0 })
        proxy.loseReplyTo("update")
        const updated = await items.updateOne({ _id: 1 }, { $inc: { n: 1 } })
        assert.strictEqual(updated.modifiedCount, 1)
        proxy.loseReplyTo("findAndModify")
        const found = await items.findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { returnDocument: "after" })
        assert.strictEqual(found?.n, 2)
        assert.deepEqual(await items.find().toArray(), [{ _id: 1, n: 2 }])
        for (const name of ["insert", "update", "findAndModify"]) {
          assert.strictEqual(started.filter((it) => it === name).length, 2, name)
        }
      })
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )

  it.live("refuses a number that is older than the newest of its session", () =>
    withClient(async (client) => {
      const session = client.startSession()
      const shop = client.db("shop")
      const insert = (number: number, _id: number) =>
        shop.command({ insert: "items", documents: [{ _id }], txnNumber: Long.fromNumber(number) }, { session })
      assert.strictEqual((await insert(2, 1))["n"], 1)
      assert.strictEqual((await insert(2, 1))["n"], 1)
      assert.strictEqual((await failureOf(insert(1, 2))).codeName, "TransactionTooOld")
      assert.strictEqual(await shop.collection("items").countDocuments(), 1)
      await session.endSession()
    })
  )
})
