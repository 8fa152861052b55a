/** Collections, within what the application's rules allow: `mongoClient(serviceName).db(name).collection(name, schema)`. */
import { ObjectId } from "bson"
import { Effect, Fiber, Option, Schema, Stream } from "effect"
import { AuthApi, Bson, Credentials } from "effect-app-services"

const Widget = Schema.Struct({ _id: Bson.ObjectId, name: Schema.String, color: Schema.String, stock: Schema.Int })

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.anonymous())
  const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets", Widget)

  // changes as they happen
  const change = yield* Effect.forkChild(Stream.runHead(widgets.watch()), { startImmediately: true })
  yield* Effect.sleep("100 millis")

  const names = ["bolt", "nut", "cog"]
  yield* widgets.insertMany(names.map((name, stock) => ({ _id: new ObjectId(), name, color: "blue", stock })))
  yield* widgets.updateOne({ name: "cog" }, { $set: { color: "red" }, $inc: { stock: 10 } })

  const blue = yield* widgets.find({ color: "blue" }, { sort: { name: 1 } })
  const cog = yield* widgets.findOne({ name: "cog" })
  const { deletedCount } = yield* widgets.deleteMany({})
  const first = yield* Fiber.join(change)
  return {
    blue: blue.map(({ name }) => name),
    cog: Option.map(cog, ({ color, stock }) => `${stock} ${color}`).pipe(Option.getOrNull),
    deletedCount,
    watched: Option.map(first, ({ operationType }) => operationType).pipe(Option.getOrNull)
  }
})
