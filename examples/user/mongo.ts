/** Collections, under the application's rules: `mongoClient(serviceName).db(name).collection(name, schema)`. */
import { ObjectId } from "bson"
import { Effect, Option, Schema, Stream } from "effect"
import { AuthApi, Bson, Credentials } from "effect-app-services"

const Widget = Schema.Struct({ _id: Bson.ObjectId, name: Schema.String, color: Schema.String, stock: Schema.Int })

export const example = Effect.gen(function* () {
  const auth = yield* AuthApi
  const user = yield* auth.logIn(Credentials.anonymous())
  const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets", Widget)

  const names = ["bolt", "nut", "cog"]
  yield* widgets.insertMany(names.map((name, stock) => ({ _id: new ObjectId(), name, color: "blue", stock })))
  yield* widgets.updateOne({ name: "cog" }, { $set: { color: "red" }, $inc: { stock: 10 } })

  const blue = yield* widgets.find({ color: "blue" }, { sort: { name: 1 } })
  const cog = yield* widgets.findOne({ name: "cog" })

  // changes from the moment that the stream is open
  const restock = widgets.updateOne({ name: "nut" }, { $inc: { stock: 1 } })
  const change = yield* Effect.raceFirst(
    Stream.runHead(widgets.watch()),
    Effect.forever(Effect.delay(restock, "20 millis"))
  )
  const { deletedCount } = yield* widgets.deleteMany({})
  return {
    blue: blue.map(({ name }) => name),
    cog: Option.map(cog, ({ color, stock }) => `${stock} ${color}`).pipe(Option.getOrNull),
    deletedCount,
    watched: Option.map(change, ({ operationType }) => operationType).pipe(Option.getOrNull)
  }
})
