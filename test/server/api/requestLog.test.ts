import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger } from "effect"
import { App } from "effect-app-services/server"
import { TestClock } from "effect/testing"
import type { Entry } from "../../../src/server/api/RequestLog.ts"
import { ask, callFunction, claims, emailPassword, path, register, root, withApps } from "../support.ts"

const asked = Deferred.makeUnsafe<void>()

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, emailPassword: true },
  mongodb: { "mongodb-atlas": "open" },
  functions: {
    slow: () => TestClock.adjust("250 millis"),
    never: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
  }
})

it.effect("tells about each request, once it is answered, and about nothing secret", () => {
  const entries: Array<Entry> = []
  const links: Array<string | undefined> = []
  const noted = <A extends { readonly link: string | undefined }, E, R>(request: Effect.Effect<A, E, R>) =>
    Effect.tap(request, ({ link }) => Effect.sync(() => links.push(link)))
  return Effect.gen(function* () {
    yield* register("a@b.c", "correct horse")
    const { body } = yield* emailPassword("a@b.c", "correct horse")
    const { access_token, refresh_token } = body
    const userId = String(claims(access_token)["sub"])
    yield* callFunction(access_token, "slow")
    yield* ask("GET", `${root}/auth/profile?baas_at=${access_token}`)
    yield* ask("POST", `${root}/auth/session`, { token: refresh_token })
    yield* noted(ask("GET", `${root}/auth/profile`))
    yield* noted(ask("GET", path("no-app", "location?secret=hush")))
    yield* ask("OPTIONS", path("my-app", "location"))
    const fiber = yield* Effect.forkChild(callFunction(access_token, "never"))
    yield* Deferred.await(asked)
    yield* Fiber.interrupt(fiber)
    const query = { database: "shop", collection: "widgets", query: { secret: "hush" } }
    yield* ask("POST", path("my-app", "functions/call"), {
      token: access_token,
      body: { name: "find", service: "mongodb-atlas", arguments: [query] }
    })
    const streamed = Buffer.from('{"name":"no such","arguments":["hush"]}').toString("base64")
    yield* noted(ask("GET", `${path("my-app", "functions/call")}?baas_request=${streamed}&baas_at=${access_token}`))
    const unauthenticated = { app: undefined, userId: undefined, call: undefined, code: undefined, address: undefined }
    const mine = { app: "my-app", userId, call: undefined, code: undefined, address: undefined }
    const call = path("my-app", "functions/call")
    const emails = path("my-app", "auth/providers/local-userpass")
    assert.deepStrictEqual(
      entries.flatMap(({ logId }) => (logId === undefined ? [] : [`http://127.0.0.1:1234/logs?co_id=${logId}`])),
      links
    )
    assert.strictEqual(new Set(links).size, 3)
    assert.deepStrictEqual(
      entries.map(({ at }) => at),
      [0, 0, ...Array.from({ length: 9 }, () => 250)]
    )
    const shown = entries.map(({ at: _, logId: __, ...entry }) => entry)
    assert.deepStrictEqual(shown, [
      { method: "POST", path: `${emails}/register`, status: 201, millis: 0, ...mine, userId: undefined },
      { method: "POST", path: `${emails}/login`, status: 200, millis: 0, ...mine },
      { method: "POST", path: call, status: 200, millis: 250, ...mine, call: "slow" },
      { method: "GET", path: `${root}/auth/profile`, status: 200, millis: 0, ...mine },
      { method: "POST", path: `${root}/auth/session`, status: 201, millis: 0, ...mine },
      { method: "GET", path: `${root}/auth/profile`, status: 401, millis: 0, ...unauthenticated },
      { method: "GET", path: path("no-app", "location"), status: 404, millis: 0, ...unauthenticated },
      { method: "OPTIONS", path: path("my-app", "location"), status: 204, millis: 0, ...unauthenticated },
      { method: "POST", path: call, status: undefined, millis: 0, ...mine, call: "never" },
      { method: "POST", path: call, status: 200, millis: 0, ...mine, call: "mongodb-atlas.find(shop.widgets)" },
      { method: "GET", path: call, status: 404, millis: 0, ...mine, call: "no such", code: "FunctionNotFound" }
    ])
    const told = JSON.stringify(entries)
    for (const secret of [access_token, refresh_token, "correct horse", "hush", "a@b.c"]) {
      assert.notInclude(told, secret)
    }
  }).pipe(withApps(app, { onRequest: (entry) => Effect.sync(() => void entries.push(entry)) }))
})

it.effect("does not let who is told spoil the answer", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* ask("GET", path("my-app", "location"))).status, 200)
  }).pipe(withApps(app, { onRequest: () => Effect.die("a defect") }), Effect.provide(Logger.layer([])))
)
