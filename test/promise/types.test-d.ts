/** TypeScript programs of `realm-web`, which have to compile after the import changed. */
import * as Realm from "effect-app-services/promise"
import {
  type App,
  type AppConfiguration,
  type BSON,
  Credentials,
  getApp,
  MongoDBRealmError,
  type ProviderType,
  type Services,
  type User,
  UserState,
  UserType
} from "effect-app-services/promise"
import { describe, expectTypeOf, it } from "vitest"

// an interface has no index signature
interface Todo {
  _id: BSON.ObjectId
  text: string
  done?: boolean
}
interface Functions {
  sum: (a: number, b: number) => Promise<number>
}
interface CustomData {
  theme: string
}

declare const app: App<Functions, CustomData>
declare const user: User
declare const todos: Services.MongoDBCollection<Todo>

describe("types of realm-web", () => {
  it("types applications and users as realm-web does", () => {
    const configuration: AppConfiguration = { id: "x", baseUrl: "http://h", app: { name: "n", version: "1" } }
    expectTypeOf(new Realm.App(configuration)).toExtend<Realm.App>()
    expectTypeOf(getApp("x")).toEqualTypeOf<App>()
    expectTypeOf(app.currentUser).toEqualTypeOf<User<Functions, CustomData> | null>()
    expectTypeOf(app.logIn(Credentials.anonymous())).resolves.toEqualTypeOf<Realm.User<Functions, CustomData>>()
    expectTypeOf(app.currentUser!.functions.sum).returns.resolves.toEqualTypeOf<number>()
    expectTypeOf(app.currentUser!.functions.callFunction("x")).resolves.toBeAny()
    expectTypeOf(app.currentUser!.customData.theme).toEqualTypeOf<string>()
    expectTypeOf(user.providerType).toEqualTypeOf<ProviderType>()
    expectTypeOf(user.profile.email).toEqualTypeOf<string | undefined>()
    expectTypeOf(user.state).toEqualTypeOf<UserState>()
    expectTypeOf(UserState.LoggedOut).toExtend<UserState>()
    expectTypeOf(UserType.Server).toExtend<UserType>()
  })

  it("types credentials as realm-web does", () => {
    expectTypeOf(Credentials.emailPassword("a", "b").payload).toEqualTypeOf<{ username: string; password: string }>()
    expectTypeOf(Credentials.function({ card: "x" })).toEqualTypeOf<Credentials<{ card: string }>>()
    expectTypeOf(Credentials.google<{ id_token: string }>({ idToken: "x" }).payload.id_token).toEqualTypeOf<string>()
    expectTypeOf(Credentials.facebook("x")).toExtend<Credentials>()
    expectTypeOf(new Credentials("custom-function", "custom-function", false, { card: "x" })).toExtend<Credentials>()
  })

  it("takes interfaces as documents, and leaves others untyped", () => {
    const database = user.mongoClient("mongodb-atlas").db("d")
    expectTypeOf(database.collection<Todo>("todos")).toEqualTypeOf<Services.MongoDBCollection<Todo>>()
    expectTypeOf(database.collection("todos").findOne).returns.resolves.toBeAny()
    expectTypeOf(todos.findOne).returns.resolves.toEqualTypeOf<Todo | null>()
    expectTypeOf(todos.insertOne).parameter(0).toExtend<{ text: string; _id?: BSON.ObjectId }>()
    expectTypeOf(todos.insertOne).returns.resolves.toEqualTypeOf<{ readonly insertedId: BSON.ObjectId }>()
    expectTypeOf(todos.aggregate).returns.resolves.toBeAny()
    // @ts-expect-error a document without its field
    void todos.insertOne({ done: true })
  })

  it("tells changes apart by their operation", async () => {
    for await (const change of todos.watch()) {
      if (change.operationType === "insert") expectTypeOf(change.fullDocument).toEqualTypeOf<Todo>()
      if (change.operationType === "update")
        expectTypeOf(change.updateDescription.removedFields).toEqualTypeOf<string[]>()
      if (change.operationType === "delete") expectTypeOf(change.documentKey._id).toEqualTypeOf<BSON.ObjectId>()
      // @ts-expect-error a deleted document is gone
      if (change.operationType === "delete") void change.fullDocument
    }
    expectTypeOf(todos.watch()).toExtend<AsyncGenerator>()
  })

  it("types errors as realm-web does", () => {
    class Ours extends MongoDBRealmError {}
    expectTypeOf<Ours["statusCode"]>().toEqualTypeOf<number>()
    expectTypeOf<Ours["errorCode"]>().toEqualTypeOf<string | undefined>()
  })
})
