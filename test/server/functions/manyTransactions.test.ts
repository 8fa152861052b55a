import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Database } from "../../../src/server/data/Database.ts"
import * as Transactions from "../../../src/server/functions/Transactions.ts"

it.effect("refuses a call's transactions beyond 10,000, which hold memory until its end", () =>
  Effect.gen(function* () {
    const database = yield* Database
    const opened = yield* database.transaction
    const counted = { ...database, transaction: Effect.succeed(opened) }
    const transactions = Transactions.make()
    for (let i = 0; i < 10_000; i++) yield* transactions.operations(counted, String(i))
    const error = yield* Effect.flip(transactions.operations(counted, "one more"))
    assert.strictEqual(error.message, "a call can open at most 10000 transactions: put several operations into each")
    // those that are open go on, and so do operations without one
    yield* transactions.operations(counted, "7")
    yield* transactions.operations(counted, undefined)
    yield* Transactions.make().operations(counted, "0")
  }).pipe(Effect.scoped, Effect.provide(Database.layerMemory))
)
