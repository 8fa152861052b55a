/** Data and streams of `realm-web`, as published, against the embedded server over a socket. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { ObjectId } from "bson"
import { Effect, Layer, Stream } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import type * as Realm from "realm-web"
import { sdks } from "./support/sdks.ts"

const app = App.make({
  id: "shop",
  providers: { anonymous: true },
  mongodb: { "mongodb-atlas": "open", secret: "closed" },
  functions: {
    countTo: (n: number) => Stream.map(Stream.range(1, n), (i) => ({ i, text: "50 %\r\n" })),
    breaks: async function* () {
      yield { i: 1 }
      throw new Error("boom")
    }
  }
})

const Server = NodeAppServicesServer.layer(app, { passwordHashing: "testing" }).pipe(Layer.provide(NodeServices.layer))

interface Widget {
  readonly _id: ObjectId
  readonly name: string
  readonly color?: string
  readonly n?: number
}

/** realm-web reads BSON with its own classes. */
const text = (value: unknown): string => String(value)

type Fetch = NonNullable<Exclude<ConstructorParameters<typeof Realm.App>[0], string>["fetch"]>

for (const [name, Sdk] of sdks) {
  const connect = Effect.gen(function* () {
    const baseUrl = yield* NodeAppServicesServer.baseUrl
    /** Ends when the next stream is open: what changes from then on comes through it. */
    let isOpen = () => {}
    const opened = () => new Promise<void>((resolve) => (isOpen = resolve))
    const fetching: Fetch = async (input, init) => {
      const response: Response = await Reflect.apply(fetch, undefined, [input, init])
      if (input.includes("baas_request=")) isOpen()
      return response
    }
    const realm = new Sdk.App({ id: "shop", baseUrl, fetch: fetching })
    const user = yield* Effect.promise(() => realm.logIn(Sdk.Credentials.anonymous(false)))
    const collection = (name: string, service = "mongodb-atlas") =>
      user.mongoClient(service).db("shop").collection<Widget>(name)
    return { user, collection, opened }
  })

  const refusal = (run: () => Promise<unknown>) =>
    Effect.flip(Effect.tryPromise({ try: run, catch: (error) => error as Realm.MongoDBRealmError }))

  layer(Server, { excludeTestServices: true })(name, (it) => {
    it.effect("is inserted, found, counted and aggregated", () =>
      Effect.gen(function* () {
        const widgets = (yield* connect).collection("crud")
        yield* Effect.promise(async () => {
          const { insertedId } = await widgets.insertOne({ name: "gear", color: "blue", n: 1 })
          const { insertedIds } = await widgets.insertMany([
            { name: "bolt", color: "blue", n: 2 },
            { name: "nut", color: "red", n: 3 }
          ])
          assert.lengthOf(insertedIds, 2)
          assert.strictEqual(text((await widgets.findOne({ name: "gear" }))!._id), text(insertedId))
          assert.isNull(await widgets.findOne({ name: "nothing" }))
          const blue = await widgets.find(
            { color: "blue" },
            { sort: { n: -1 }, limit: 1, projection: { _id: 0, name: 1 } }
          )
          assert.deepEqual(blue, [{ name: "bolt" }] as never)
          assert.lengthOf(await widgets.find({ _id: { $in: insertedIds } }), 2)
          assert.strictEqual(await widgets.count(), 3)
          assert.strictEqual(await widgets.count({ color: "blue" }, { limit: 1 }), 1)
          assert.deepEqual(
            await widgets.aggregate([{ $group: { _id: "$color", n: { $sum: "$n" } } }, { $sort: { _id: 1 } }]),
            [
              { _id: "blue", n: 3 },
              { _id: "red", n: 3 }
            ]
          )
        })
      })
    )

    it.effect("is updated, replaced and deleted", () =>
      Effect.gen(function* () {
        const widgets = (yield* connect).collection("changes")
        yield* Effect.promise(async () => {
          await widgets.insertMany([{ name: "a" }, { name: "b" }, { name: "c" }])
          assert.deepEqual(await widgets.updateOne({ name: "a" }, { $set: { n: 1 } }), {
            matchedCount: 1,
            modifiedCount: 1
          })
          assert.deepEqual(await widgets.updateMany({}, { $inc: { n: 1 } }), { matchedCount: 3, modifiedCount: 3 })
          const upserted = await widgets.updateOne({ name: "d" }, { $set: { n: 9 } }, { upsert: true })
          assert.isDefined(upserted.upsertedId)
          const before = await widgets.findOneAndUpdate({ name: "a" }, { $set: { n: 5 } })
          assert.strictEqual(before!.n, 2)
          const after = await widgets.findOneAndUpdate({ name: "a" }, { $set: { n: 6 } }, { returnNewDocument: true })
          assert.strictEqual(after!.n, 6)
          const replaced = await widgets.findOneAndReplace({ name: "b" }, { name: "B" }, { returnNewDocument: true })
          assert.strictEqual(replaced!.name, "B")
          // realm-web asks for a replacement here, without one
          const deleted = await widgets.findOneAndDelete({ name: "c" })
          assert.strictEqual(deleted!.name, "c")
          assert.deepEqual(await widgets.deleteOne({ name: "B" }), { deletedCount: 1 })
          assert.deepEqual(await widgets.deleteMany({}), { deletedCount: 2 })
        })
      })
    )

    it.effect("is refused with the codes of the original", () =>
      Effect.gen(function* () {
        const { collection } = yield* connect
        const widgets = collection("refused")
        const id = new ObjectId()
        yield* Effect.promise(() => widgets.insertOne({ _id: id, name: "a" }))
        const duplicate = yield* refusal(() => widgets.insertOne({ _id: id, name: "b" }))
        assert.deepEqual([duplicate.statusCode, duplicate.errorCode], [400, "MongoDBError"])
        assert.include(duplicate.error, "Duplicate key error")
        const operator = yield* refusal(() => widgets.find({ $who: 1 }))
        assert.deepEqual([operator.statusCode, operator.errorCode], [400, "MongoDBError"])
        const closed = yield* refusal(() => collection("x", "secret").find())
        assert.deepEqual([closed.statusCode, closed.errorCode], [400, "NoMatchingRuleFound"])
        const unknown = yield* refusal(() => collection("x", "nowhere").find())
        assert.deepEqual([unknown.statusCode, unknown.errorCode], [404, "ServiceNotFound"])
        assert.strictEqual(unknown.error, "service not found: 'nowhere'")
      })
    )

    it.effect("is watched, and no longer when the loop ends", () =>
      Effect.gen(function* () {
        const { collection, opened } = yield* connect
        const widgets = collection("watched")
        yield* Effect.promise(async () => {
          const open = opened()
          const events = widgets.watch({ filter: { "fullDocument.color": "blue" } })
          const next = events.next()
          await open
          await widgets.insertOne({ name: "a", color: "red" })
          await widgets.insertOne({ name: "50 %25\n", color: "blue" })
          const { value } = await next
          assert.strictEqual(value.operationType, "insert")
          assert.strictEqual(value.fullDocument.name, "50 %25\n")
          await widgets.updateOne({ color: "blue" }, { $set: { n: 1 } })
          const second = await events.next()
          assert.strictEqual(second.value.operationType, "update")
          assert.deepEqual(second.value.updateDescription, {
            updatedFields: { n: 1 },
            removedFields: [],
            truncatedArrays: []
          })
          await events.return(undefined)
        })
      })
    )

    it.effect("watches documents by id, and says why it cannot", () =>
      Effect.gen(function* () {
        const { collection, opened } = yield* connect
        const widgets = collection("by-id")
        const [one, two] = [new ObjectId(), new ObjectId()]
        yield* Effect.promise(async () => {
          const open = opened()
          const events = widgets.watch({ ids: [two] })
          const next = events.next()
          await open
          await widgets.insertMany([
            { _id: one, name: "one" },
            { _id: two, name: "two" }
          ])
          assert.strictEqual((await next).value.fullDocument.name, "two")
          await events.return(undefined)
        })
        const closed = yield* refusal(() => collection("x", "secret").watch().next())
        assert.strictEqual(closed.errorCode, "NoMatchingRuleFound")
      })
    )

    it.effect("streams what a function yields", () =>
      Effect.gen(function* () {
        const { user } = yield* connect
        const read = async (name: string, ...args: ReadonlyArray<unknown>) => {
          let body = ""
          const chunks = await user.functions.callFunctionStreaming(name, ...args)
          for await (const chunk of chunks) body += new TextDecoder().decode(chunk)
          return body
        }
        const counted = yield* Effect.promise(() => read("countTo", 2))
        assert.include(counted, 'data: {"i":{"$numberInt":"1"},"text":"50 %25\\r\\n"}\n\n')
        assert.include(counted, '"$numberInt":"2"')
        const broken = yield* Effect.promise(() => read("breaks"))
        assert.include(broken, 'event: error\ndata: {"error_code":"FunctionExecutionError","error":"Error: boom"}\n\n')
        const missing = yield* refusal(() => read("nothing"))
        assert.deepEqual([missing.statusCode, missing.errorCode], [404, "FunctionNotFound"])
        const whole = yield* refusal(() => user.functions.breaks())
        assert.include(whole.error, "stream")
      })
    )
  })
}
