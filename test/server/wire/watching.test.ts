import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ChangeStream, ChangeStreamDocument, Document } from "mongodb"
import { layer, open, proxied, uriOf, withClient } from "./support.ts"

const nextOf = async (stream: ChangeStream<Document, ChangeStreamDocument>) => (await stream.next()) as Document

/** Waits until a change stream is open: it is, once its first command is answered. */
const opened = async <S extends ChangeStream<Document, ChangeStreamDocument>>(stream: S): Promise<S> => {
  await stream.tryNext()
  return stream
}

describe("change streams on the MongoDB port", () => {
  it.live("yields changes in order, as the client asked for them", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number; n?: number }>("items")
      const plain = await opened(items.watch())
      const full = await opened(
        items.watch(
          [{ $match: { operationType: "update" } }, { $project: { fullDocument: 1, fullDocumentBeforeChange: 1 } }],
          {
            fullDocument: "updateLookup",
            fullDocumentBeforeChange: "whenAvailable"
          }
        )
      )
      await items.insertOne({ _id: 1, n: 1 })
      await items.updateOne({ _id: 1 }, { $set: { n: 2 } })
      await items.replaceOne({ _id: 1 }, { n: 3 })
      await items.deleteOne({ _id: 1 })
      const events = [await nextOf(plain), await nextOf(plain), await nextOf(plain), await nextOf(plain)]
      assert.deepEqual(
        events.map(({ operationType }) => operationType as unknown),
        ["insert", "update", "replace", "delete"]
      )
      const [inserted, updated] = events
      assert.deepEqual(inserted?.["fullDocument"], { _id: 1, n: 1 })
      assert.deepEqual(inserted?.["ns"], { db: "shop", coll: "items" })
      assert.isFalse(Object.hasOwn(updated ?? {}, "fullDocument"))
      assert.deepEqual(updated?.["updateDescription"].updatedFields, { n: 2 })
      const event = await nextOf(full)
      assert.deepEqual(event["fullDocument"], { _id: 1, n: 2 })
      assert.deepEqual(event["fullDocumentBeforeChange"], { _id: 1, n: 1 })
      await plain.close()
      await full.close()
    })
  )

  it.live("goes on behind a resume token", () =>
    withClient(async (client) => {
      const items = client.db("shop").collection<{ _id: number }>("items")
      const first = await opened(items.watch())
      await items.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }])
      const { _id: token } = await nextOf(first)
      await first.close()
      for (const option of ["resumeAfter", "startAfter"]) {
        const second = items.watch([], { [option]: token })
        assert.deepEqual((await nextOf(second))["documentKey"], { _id: 2 })
        assert.deepEqual((await nextOf(second))["documentKey"], { _id: 3 })
        await second.close()
      }
    })
  )

  it.live("watches a database, and all databases", () =>
    withClient(async (client) => {
      const streams = [await opened(client.db("shop").watch()), await opened(client.watch([], { batchSize: 1 }))]
      await client
        .db("shop")
        .collection("a")
        .insertMany([{ n: 1 }, { n: 2 }])
      await client.db("blog").collection("b").insertOne({ n: 3 })
      await client.db("shop").collection("b").insertOne({ n: 4 })
      const [inShop, everywhere] = streams
      const numbers = async (stream: (typeof streams)[number] | undefined, count: number) => {
        const found: Array<unknown> = []
        for (let i = 0; i < count; i++) found.push((await nextOf(stream!))["fullDocument"].n)
        return found
      }
      assert.deepEqual(await numbers(inShop, 3), [1, 2, 4])
      assert.deepEqual(await numbers(everywhere, 4), [1, 2, 3, 4])
      for (const stream of streams) await stream.close()
    })
  )

  it.live("goes on from the moment it was opened if its connection is cut before the first change", () =>
    Effect.gen(function* () {
      const uri = yield* uriOf()
      const proxy = yield* proxied(uri)
      const watcher = yield* open(proxy.uri)
      const writer = yield* open(uri)
      yield* Effect.promise(async () => {
        const stream = await opened(watcher.db("shop").collection("items").watch())
        assert.isDefined(stream.resumeToken)
        proxy.cut()
        await writer.db("shop").collection<{ _id: number }>("items").insertOne({ _id: 7 })
        assert.deepEqual((await nextOf(stream))["documentKey"], { _id: 7 })
        await stream.close()
      })
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )

  it.live("loses no change when its connection is cut", () =>
    Effect.gen(function* () {
      const uri = yield* uriOf()
      const proxy = yield* proxied(uri)
      const watcher = yield* open(proxy.uri)
      const writer = yield* open(uri)
      yield* Effect.promise(async () => {
        const items = writer.db("shop").collection<{ _id: number }>("items")
        const stream = await opened(watcher.db("shop").collection("items").watch())
        await items.insertOne({ _id: 0 })
        assert.deepEqual((await nextOf(stream))["documentKey"], { _id: 0 })
        for (let _id = 1; _id <= 20; _id++) {
          if (_id % 5 === 0) proxy.cut()
          await items.insertOne({ _id })
        }
        for (let _id = 1; _id <= 20; _id++) assert.deepEqual((await nextOf(stream))["documentKey"], { _id })
        await stream.close()
      })
    }).pipe(Effect.scoped, Effect.provide(layer(), { local: true }))
  )
})
