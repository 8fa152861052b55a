/** What the SDK does in every runtime. Node, Deno and Bun run it, with the address of `examples/shop` and an empty folder. */
import { AppServices, AuthApi, Credentials, EmailPasswordApi, Sessions, type TokenStore } from "effect-app-services"
import { NodeAppServices, NodeTokenStore } from "effect-app-services/node"
import * as Realm from "effect-app-services/promise"
import { Effect, Fiber, Layer, Option, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import assert from "node:assert/strict"
import { join } from "node:path"
import process from "node:process"

const [, , baseUrl = "", folder = ""] = process.argv
const options = { appId: "shop-abcde", baseUrl }

const program = Effect.gen(function* () {
  const auth = yield* AuthApi
  const account = { email: `${Date.now()}@example.com`, password: "correct horse" }
  yield* EmailPasswordApi.use((accounts) => accounts.registerUser(account))
  const user = yield* auth.logIn(Credentials.emailPassword(account))
  assert.equal(yield* user.functions.sum(20, 22), 42)
  yield* Sessions.use((sessions) => sessions.refresh("smoke", user.id))
  assert.equal(yield* user.functions.sum(1, 2), 3)

  const widgets = user.mongoClient("mongodb-atlas").db("shop").collection(`widgets`)
  const heard = yield* widgets.watch().pipe(Stream.runHead, Effect.forkScoped)
  // the watch may open later than the first of them
  yield* Effect.repeat(widgets.insertOne({ name: "cog" }), { until: () => heard.pollUnsafe() !== undefined })
  const change = Option.getOrThrow(yield* Fiber.join(heard))
  assert.equal(change.operationType, "insert")
  assert.equal(Option.getOrThrow(yield* widgets.findOne({ name: "cog" }))["name"], "cog")
  yield* widgets.deleteMany({})
  return user.id
}).pipe(Effect.scoped)

const transports = {
  fetch: (store: Layer.Layer<TokenStore, unknown>) =>
    AppServices.layerNoDeps(options).pipe(Layer.provideMerge([store, FetchHttpClient.layer])),
  node: (store: Layer.Layer<TokenStore, unknown>) =>
    NodeAppServices.layerNoDeps(options).pipe(Layer.provideMerge(store))
}

for (const [name, over] of Object.entries(transports)) {
  const sessions = NodeTokenStore.layerFile(join(folder, name))
  const id = await Effect.runPromise(Effect.provide(program, over(sessions)))
  // another build of the layer finds the session in its file
  const again = AuthApi.use((auth) => auth.currentUser)
  const found = await Effect.runPromise(Effect.provide(again, over(sessions)))
  assert.equal(Option.getOrThrow(found).id, id)
}

const app = new Realm.App({ id: options.appId, baseUrl })
const guest = await app.logIn(Realm.Credentials.anonymous())
await guest.refreshAccessToken()
assert.equal(await guest.callFunction("sum", 20, 22), 42)
const widgets = guest.mongoClient("mongodb-atlas").db("shop").collection("widgets")
const changes = widgets.watch()
await changes.open()
await widgets.insertOne({ name: "nut" })
for await (const change of changes) {
  assert.equal(change.operationType === "insert" && change.fullDocument.name, "nut")
  break
}
await guest.logOut()
console.log("ok")
