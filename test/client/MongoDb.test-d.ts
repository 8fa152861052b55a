import type { Effect, Option, Stream } from "effect"
import { Schema } from "effect"
import {
  type AppServicesError,
  Bson,
  type ChangeEvent,
  FunctionStreams,
  type PlainDocument,
  type User
} from "effect-app-services"
import { describe, expectTypeOf, it } from "vitest"

declare const user: User

const Widget = Schema.Struct({
  _id: Schema.optionalKey(Bson.ObjectId),
  name: Schema.String,
  tags: Schema.Array(Schema.String),
  made: Schema.DateTimeUtcFromMillis,
  size: Schema.optionalKey(Schema.Finite)
})
type Widget = typeof Widget.Type

describe("a collection", () => {
  const database = user.mongoClient("mongodb-atlas").db("shop")
  const widgets = database.collection("widgets", Widget)

  it("yields what its schema says, without an annotation", () => {
    expectTypeOf(widgets.find({ name: "gear" })).toEqualTypeOf<Effect.Effect<ReadonlyArray<Widget>, AppServicesError>>()
    expectTypeOf(widgets.findOne()).toEqualTypeOf<Effect.Effect<Option.Option<Widget>, AppServicesError>>()
    expectTypeOf(widgets.findOneAndUpdate({ name: "a" }, { $set: { name: "b" } })).toEqualTypeOf<
      Effect.Effect<Option.Option<Widget>, AppServicesError>
    >()
    expectTypeOf(widgets.watch()).toEqualTypeOf<Stream.Stream<ChangeEvent<Widget>, AppServicesError>>()
    expectTypeOf(widgets.aggregate([{ $count: "n" }], Schema.Struct({ n: Schema.Int }))).toEqualTypeOf<
      Effect.Effect<ReadonlyArray<{ readonly n: number }>, AppServicesError>
    >()
  })

  it("yields plain documents where its schema cannot hold", () => {
    type Plain = Effect.Effect<ReadonlyArray<PlainDocument>, AppServicesError>
    expectTypeOf(widgets.find({}, { projection: { name: 1 } })).toEqualTypeOf<Plain>()
    expectTypeOf(widgets.aggregate([])).toEqualTypeOf<Plain>()
    expectTypeOf(database.collection("anything").find({ any: 1 })).toEqualTypeOf<Plain>()
  })

  it("takes filters and updates of stored fields, by operators and by paths", () => {
    void widgets.find({ made: { $gt: 5 }, tags: "blue", $or: [{ name: "a" }, { "deep.path": 1 }] })
    void widgets.find({ name: { $in: ["a"] }, size: { $exists: true } }, { sort: { name: 1, _id: -1 }, limit: 5 })
    void widgets.updateOne(
      { name: "a" },
      { $set: { made: 5 }, $inc: { size: 1 }, $push: { tags: "red" } },
      { upsert: true }
    )
    void widgets.updateMany({}, { $addToSet: { tags: { $each: ["a", "b"] } }, $unset: { "deep.path": "" } })
    void widgets.updateMany({}, [{ $set: { name: "$other" } }])
  })

  it("refuses what does not fit", () => {
    // @ts-expect-error a name is a text
    void widgets.find({ name: 1 })
    // @ts-expect-error there is no such field
    void widgets.find({ colour: "blue" })
    // @ts-expect-error an operator compares with what the field holds
    void widgets.find({ size: { $gt: "big" } })
    // @ts-expect-error the type holds inside of $or too
    void widgets.find({ $or: [{ name: 1 }] })
    // @ts-expect-error a direction is 1 or -1
    void widgets.find({}, { sort: { name: "asc" } })
    // @ts-expect-error a name is a text
    void widgets.updateOne({}, { $set: { name: 1 } })
    // @ts-expect-error only numbers are incremented
    void widgets.updateOne({}, { $inc: { size: "1" } })
    // @ts-expect-error an element of the array
    void widgets.updateOne({}, { $push: { tags: 1 } })
    // @ts-expect-error an update has operators
    void widgets.updateOne({}, { name: "b" })
    // @ts-expect-error the document is not complete
    void widgets.insertOne({ name: "a" })
    // @ts-expect-error a service has a name
    user.mongoClient(1)
  })
})

it("a stream of a function is typed by a schema", () => {
  const stream = user.callFunctionStreaming("progress", 1, "two")
  expectTypeOf(stream).toEqualTypeOf<Stream.Stream<unknown, AppServicesError>>()
  expectTypeOf(stream.pipe(FunctionStreams.decoded(Schema.Struct({ done: Schema.Finite })))).toEqualTypeOf<
    Stream.Stream<{ readonly done: number }, AppServicesError>
  >()
})
