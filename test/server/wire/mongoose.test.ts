import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import mongoose from "mongoose"
import { layer, uriOf } from "./support.ts"

const connected = Effect.flatMap(uriOf(), (uri) =>
  Effect.acquireRelease(
    Effect.promise(() => mongoose.createConnection(uri, { dbName: "shop", monitorCommands: true }).asPromise()),
    (connection) => Effect.promise(() => connection.close())
  )
)

describe("mongoose on the MongoDB port", () => {
  it.live("connects, lists, queries, updates and watches", () =>
    Effect.gen(function* () {
      const connection = yield* connected
      yield* Effect.promise(async () => {
        const schema = new mongoose.Schema(
          { name: { type: String, required: true, index: true }, price: Number, tags: [String] },
          { timestamps: true }
        )
        const Item = connection.model("Item", schema)
        await Item.init()
        const opened = new Promise<void>((resolve) =>
          connection.getClient().on("commandSucceeded", ({ commandName }) => {
            if (commandName === "aggregate") resolve()
          })
        )
        const changes = Item.watch()
        const seen = new Promise<unknown>((resolve) =>
          changes.on("change", (event: { readonly operationType: unknown }) => resolve(event.operationType))
        )
        await opened
        await Item.create([
          { name: "pen", price: 2, tags: ["office"] },
          { name: "ink", price: 7 }
        ])
        assert.strictEqual(await seen, "insert")
        await changes.close()
        assert.deepEqual(
          (await connection.listCollections()).map(({ name }) => name),
          ["items"]
        )
        const pen = await Item.findOne({ name: "pen" }).orFail()
        pen.tags.push("new")
        pen.price = 3
        await pen.save()
        await Item.updateMany({}, { $inc: { price: 1 } })
        const found = await Item.find({ price: { $gt: 3 } })
          .sort({ price: 1 })
          .select("name price tags")
          .lean()
        assert.deepEqual(
          found.map(({ name, price, tags }) => ({ name, price, tags })),
          [
            { name: "pen", price: 4, tags: ["office", "new"] },
            { name: "ink", price: 8, tags: [] }
          ]
        )
        await connection.transaction(async (session) => {
          await Item.deleteOne({ name: "ink" }, { session })
          await Item.create([{ name: "paper" }], { session })
        })
        assert.deepEqual((await Item.distinct("name")).toSorted(), ["paper", "pen"])
      })
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )
})
