/** What the entry point for promises adds to what `realm-web` does; the tests that run on both are `test/realm-web*.test.ts`. */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { AppServicesError } from "effect-app-services"
import { NodeAppServicesServer } from "effect-app-services/node"
import * as Realm from "effect-app-services/promise"
import { App } from "effect-app-services/server"
import * as RealmWeb from "realm-web"
import { inspect } from "node:util"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    emailPassword: true,
    customFunction: ({ card }: { card: string }) => card,
    apiKey: true
  },
  push: ["gcm"],
  mongodb: { "mongodb-atlas": "open" },
  functions: { sum: (a: number, b: number) => a + b, fail: () => Promise.reject(new Error("boom")) }
})
const Server = NodeAppServicesServer.layer(app, { passwordHashing: "testing" })

/** Runs a program on a storage of its own. */
const withApp = <A>(use: (app: Realm.App, storage: Realm.MemoryStorage, baseUrl: string) => Promise<A>) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
    Effect.promise(() => {
      const storage = new Realm.MemoryStorage()
      return use(new Realm.App({ id: "my-app", baseUrl, storage }), storage, baseUrl)
    })
  )

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error
  )

/** Watches an object as frameworks do: a proxy for each member that is an object, and methods are called on the proxy. */
const observed = <A extends object>(target: A): A =>
  new Proxy(target, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, receiver)
      const isObserved =
        typeof value === "object" && value !== null && /Object|Array/.test(Object.prototype.toString.call(value))
      return isObserved ? observed(value) : value
    }
  })

layer(Server, { excludeTestServices: true })("the entry point for promises", (it) => {
  it.effect("calls listeners, which throw in realm-web, until they are removed", () =>
    withApp(async (app) => {
      const seen: Array<string> = []
      const onApp = () => seen.push("app")
      app.addListener(onApp)
      app.addListener(onApp)
      const user = await app.logIn(Realm.Credentials.anonymous())
      assert.include(seen, "app")
      const onUser = () => seen.push(`user ${user.state}`)
      user.addListener(onUser)
      await user.refreshAccessToken()
      assert.include(seen, "user active")
      app.removeListener(onApp)
      seen.length = 0
      await user.logOut()
      assert.deepStrictEqual(new Set(seen), new Set(["user logged-out"]))
      user.removeAllListeners()
      seen.length = 0
      await app.removeUser(user)
      assert.deepStrictEqual(seen, [])
    })
  )

  it.effect("registers a device for push, which throws in realm-web", () =>
    withApp(async (app) => {
      const user = await app.logIn(Realm.Credentials.anonymous())
      await user.push("gcm").register("device-token")
      await user.push("gcm").deregister()
      const error = await rejection(user.push("nothing").register("device-token"))
      assert.instanceOf(error, Realm.MongoDBRealmError)
    })
  )

  it.effect("takes sessions of realm-web over, and gives them back", () =>
    withApp(async (_, storage, baseUrl) => {
      const options = { id: "my-app", baseUrl, storage }
      const before = await new RealmWeb.App(options).logIn(RealmWeb.Credentials.function({ card: "one" }))
      const ours = new Realm.App(options)
      assert.deepStrictEqual(Object.keys(ours.allUsers), [before.id])
      const user = ours.currentUser!
      assert.strictEqual(user.id, before.id)
      assert.strictEqual(user.providerType, "custom-function")
      assert.deepStrictEqual(user.identities, before.identities)
      assert.strictEqual(await user.functions["sum"]?.(20, 22), 42)
      await user.refreshAccessToken()
      const second = await ours.logIn(Realm.Credentials.function({ card: "two" }))
      const after = new RealmWeb.App(options)
      assert.deepStrictEqual(Object.keys(after.allUsers), [second.id, before.id])
      assert.strictEqual(after.currentUser?.accessToken, second.accessToken)
      assert.strictEqual(await after.currentUser?.functions["sum"]?.(20, 22), 42)
    })
  )

  it.effect("finds users again in another App over the same storage, as after a reload", () =>
    withApp(async (app, storage, baseUrl) => {
      const user = await app.logIn(Realm.Credentials.anonymous())
      await user.logOut()
      const named = await app.logIn(Realm.Credentials.function({ card: "three" }))
      const reloaded = new Realm.App({ id: "my-app", baseUrl, storage })
      assert.deepStrictEqual(
        Object.values(reloaded.allUsers).map(({ id, state }) => [id, state]),
        [
          [named.id, "active"],
          [user.id, "logged-out"]
        ]
      )
      assert.deepStrictEqual(reloaded.currentUser?.profile, named.profile)
      reloaded.switchUser(reloaded.allUsers[user.id])
      assert.strictEqual(reloaded.currentUser?.id, named.id)
    })
  )

  it.effect("deletes the account of the user it is given, not of the current one", () =>
    withApp(async (app) => {
      const first = await app.logIn(Realm.Credentials.function({ card: "four" }))
      const second = await app.logIn(Realm.Credentials.function({ card: "five" }))
      await app.deleteUser(first)
      assert.strictEqual(first.state, "removed")
      assert.strictEqual(app.currentUser, second)
      assert.strictEqual(await second.functions["sum"]?.(1, 2), 3)
      assert.throws(() => app.switchUser(first), "The user was never logged into this app")
    })
  )

  it.effect("rejects with the fields of realm-web's error, and ours as its cause", () =>
    withApp(async (app, _, baseUrl) => {
      const theirs = new RealmWeb.App({ id: "my-app", baseUrl })
      const fields = (error: RealmWeb.MongoDBRealmError) =>
        (["error", "errorCode", "message", "method", "statusCode", "statusText", "url"] as const).map(
          (name) => error[name]
        )
      const account = ["nobody@example.com", "wrong-password"] as const
      const [ours, other] = [
        await app.logIn(Realm.Credentials.anonymous()),
        await theirs.logIn(RealmWeb.Credentials.anonymous())
      ]
      const id = "5f1d7f3e9c1b2a0012345678"
      const attempts: ReadonlyArray<readonly [() => Promise<unknown>, () => Promise<unknown>]> = [
        [
          () => app.logIn(Realm.Credentials.emailPassword(...account)),
          () => theirs.logIn(RealmWeb.Credentials.emailPassword(...account))
        ],
        [() => ours.callFunction("fail"), () => other.callFunction("fail")],
        [() => ours.callFunction("missing", 1), () => other.callFunction("missing", 1)],
        [() => ours.apiKeys.fetch(id), () => other.apiKeys.fetch(id)],
        [
          () => app.emailPasswordAuth.resendConfirmationEmail({ email: account[0] }),
          () => theirs.emailPasswordAuth.resendConfirmationEmail({ email: account[0] })
        ]
      ]
      for (const [here, there] of attempts) {
        const [one, two] = [await rejection(here()), await rejection(there())]
        assert.instanceOf(one, Realm.MongoDBRealmError)
        assert.instanceOf(two, RealmWeb.MongoDBRealmError)
        assert.deepStrictEqual(fields(one), fields(two))
        assert.strictEqual((one.cause as { _tag: string })._tag, "AppServicesError")
      }
      await ours.logOut()
      const gone = await rejection(ours.functions["sum"](1, 2))
      assert.instanceOf(gone, Realm.MongoDBRealmError)
      assert.deepStrictEqual([gone.statusCode, gone.errorCode], [401, "InvalidSession"])
    })
  )

  it.effect("ends a watch or a stream that is waiting", () =>
    withApp(async (app) => {
      const user = await app.logIn(Realm.Credentials.anonymous())
      const chunks = user.functions.callFunctionStreaming("missing")
      assert.instanceOf(await rejection(chunks), Realm.MongoDBRealmError)
      const changes = user.mongoClient("nowhere").db("a").collection("b").watch()
      assert.instanceOf(await rejection(changes.next()), Realm.MongoDBRealmError)
      assert.deepStrictEqual(await changes.next(), { done: true, value: undefined })
      assert.deepStrictEqual(await changes.return(), { done: true, value: undefined })
    })
  )

  it.effect("misses no change after a watch has opened", () =>
    withApp(async (app) => {
      const user = await app.logIn(Realm.Credentials.anonymous())
      const notes = user.mongoClient("mongodb-atlas").db("a").collection("notes")
      for (let round = 0; round < 5; round++) {
        const changes = notes.watch()
        await changes.open()
        await notes.insertOne({ round })
        const { value } = await changes.next()
        assert.strictEqual(value?.operationType === "insert" && value.fullDocument.round, round)
        await changes.return()
      }
      const refused = user.mongoClient("nowhere").db("a").collection("b").watch()
      assert.instanceOf(await rejection(refused.open()), Realm.MongoDBRealmError)
      assert.instanceOf(await rejection(refused.next()), Realm.MongoDBRealmError)
      assert.deepStrictEqual(await refused.next(), { done: true, value: undefined })
    })
  )

  it.effect("ends the loop over a watch when the host stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = yield* Layer.buildWithScope(Layer.fresh(Server), scope)
      const changes = yield* withApp(async (app) => {
        const user = await app.logIn(Realm.Credentials.anonymous())
        const changes = user.mongoClient("mongodb-atlas").db("a").collection("notes").watch()
        await changes.open()
        return changes
      }).pipe(Effect.provideContext(server))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.promise(() => changes.next()), { done: true, value: undefined })
    })
  )

  it.effect("ends a watch that is opening", () =>
    withApp(async (app) => {
      const user = await app.logIn(Realm.Credentials.anonymous())
      const changes = user.mongoClient("mongodb-atlas").db("a").collection("notes").watch()
      const opening = changes.open()
      await changes.return()
      await opening
      assert.deepStrictEqual(await changes.next(), { done: true, value: undefined })
    })
  )

  it.effect("prints no token", () =>
    withApp(async (app) => {
      const user = await app
        .logIn(Realm.Credentials.emailPassword("x@example.com", "hunter2hunter2"))
        .catch(() => app.logIn(Realm.Credentials.anonymous()))
      const tokens = [user.accessToken, user.refreshToken]
      for (const text of [
        JSON.stringify(user),
        JSON.stringify(app),
        inspect(app, { depth: 9 }),
        inspect(user, { depth: 9 })
      ]) {
        for (const token of tokens) assert.notInclude(text, token!)
      }
    })
  )

  it.effect("works where a framework observes an application and all that it returns", () =>
    withApp(async (app) => {
      const seen = observed(app)
      const user = observed(await seen.logIn(observed(Realm.Credentials.function({ card: "observed" }))))
      assert.deepStrictEqual([user.isLoggedIn, await user.functions["sum"]?.(20, 22), user.customData], [true, 42, {}])
      await user.apiKeys.fetchAll()
      await user.mongoClient("mongodb-atlas").db("a").collection("b").insertOne({ n: 1 })
      const other = await seen.logIn(Realm.Credentials.anonymous())
      seen.switchUser(user)
      assert.strictEqual(seen.currentUser?.id, user.id)
      await seen.removeUser(other)
      await user.logOut()
      assert.deepStrictEqual([user.state, Object.keys(seen.allUsers)], ["logged-out", [user.id]])
    })
  )

  it.effect("says which credentials of Google it takes, and repeats no secret of them", () =>
    Effect.sync(() => {
      for (const wrong of ["a-token", {}, { authCode: "a-token", idToken: "a-token" }, { other: "a-token" }]) {
        assert.throws(
          () => Realm.Credentials.google(wrong as never),
          /^Expected only one property in payload: authCode, idToken or redirectUrl$/
        )
      }
    })
  )

  it.effect("rejects with the SDK's own error where the protocol does not have such an answer", () =>
    withApp(async (_, storage, baseUrl) => {
      for (const body of ["<h1>Welcome</h1>", "", "[]"]) {
        const fetch = () => Promise.resolve(new Response(body, { headers: { "content-type": "text/html" } }))
        const app = new Realm.App({ id: "my-app", baseUrl, storage, fetch, skipLocationRequest: true })
        const error = await rejection(app.logIn(Realm.Credentials.anonymous()))
        assert.instanceOf(error, AppServicesError)
        assert.strictEqual(error.reason._tag, "InvalidResponse")
      }
    })
  )

  it.effect("asks for the host, which has no default, when it sends the first request", () =>
    withApp(async (_, storage, baseUrl) => {
      assert.throws(() => new Realm.App({ id: "my-app", baseUrl: "nonsense" }), /invalid baseUrl/)
      const app = new Realm.App({ id: "my-app", storage })
      assert.isNull(app.currentUser)
      for (const attempt of [app.logIn(Realm.Credentials.anonymous()), app.locationUrl]) {
        const error = await rejection(attempt)
        assert.match(String(error), /baseUrl is missing.*setDefaultBaseUrl/)
      }
      // a module that is imported constructs it before the program sets the host
      const { emailPasswordAuth } = Realm.getApp("my-app")
      Realm.setDefaultBaseUrl(baseUrl)
      assert.strictEqual(Realm.getApp("my-app"), Realm.App.getApp("my-app"))
      assert.strictEqual(await Realm.getApp("my-app").locationUrl, baseUrl)
      await emailPasswordAuth.registerUser({ email: "late@example.com", password: "correct horse" })
      assert.isTrue((await app.logIn(Realm.Credentials.anonymous())).isLoggedIn)
    })
  )
})
