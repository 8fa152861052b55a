/** The examples of every member of a user, each against the embedded server over a socket. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { AppServices } from "effect-app-services"
import { NodeAppServicesServer } from "effect-app-services/node"
import * as accounts from "../examples/user/accounts.ts"
import * as apiKeys from "../examples/user/apiKeys.ts"
import * as customData from "../examples/user/customData.ts"
import * as events from "../examples/user/events.ts"
import * as functions from "../examples/user/functions.ts"
import * as mongo from "../examples/user/mongo.ts"
import * as profile from "../examples/user/profile.ts"
import * as push from "../examples/user/push.ts"
import * as sessions from "../examples/user/sessions.ts"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { ShopServer } from "./support/shop.ts"

const expected = {
  accounts: [accounts.example, { current: true, answer: 42, left: 0 }],
  apiKeys: [apiKeys.example, { same: true, disabled: "refused", names: ["ci"], gone: "gone" }],
  customData: [customData.example, { before: "light", after: "dark", plain: true }],
  events: [events.example, { heard: ["RefreshStarted", "TokenRefreshed"], lastState: "LoggedOut" }],
  functions: [functions.example, { sums: [3, 3, 3], total: 6, typed: "42.0", patient: "Welcome to the Corner Shop" }],
  mongo: [mongo.example, { blue: ["bolt", "nut"], cog: "12 red", deletedCount: 3, watched: "update" }],
  profile: [profile.example, { same: true, email: "grace@example.com", identities: ["anon-user", "local-userpass"] }],
  push: [push.example, "ServiceNotFound"],
  sessions: [
    sessions.example,
    { loggedIn: "Active", tokens: true, device: true, afterwards: ["LoggedOut", false, true] }
  ]
} as const

const Live = Layer.unwrap(
  Effect.map(NodeAppServicesServer.baseUrl, (baseUrl) => AppServices.layer({ appId: "shop-abcde", baseUrl }))
).pipe(Layer.provide([ShopServer, FetchHttpClient.layer]))

layer(Live, { excludeTestServices: true })("examples/user", (it) => {
  for (const [name, [example, result]] of Object.entries(expected)) {
    it.effect(name, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual<unknown>(yield* example, result)
      })
    )
  }

  it("all of them are here", () => {
    const files = readdirSync(join(import.meta.dirname, "../examples/user")).filter((file) => file !== "run.ts")
    assert.deepStrictEqual(files.map((file) => file.replace(".ts", "")).toSorted(), Object.keys(expected).toSorted())
  })
})
