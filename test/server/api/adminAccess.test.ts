import { assert, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Admin, App, Inbox } from "effect-app-services/server"
import * as AppServicesServer from "../../../src/server/AppServicesServer.ts"
import { ask, withApps } from "../support.ts"

const adminToken = Redacted.make("an administration token of tests")
const options: AppServicesServer.Options = { adminToken, passwordHashing: "testing" }
const authorization = `Bearer ${Redacted.value(adminToken)}`
const apps = [App.make({ id: "shop", providers: { anonymous: true } })]

/** The status of a request from an address. */
const statusFor = (peer: string | undefined) =>
  Effect.gen(function* () {
    const { app } = yield* AppServicesServer.make(apps, options)
    const request = HttpServerRequest.fromClientRequest(
      HttpClientRequest.get("http://127.0.0.1/_admin/apps", { headers: { authorization, host: "127.0.0.1" } })
    ).modify({ remoteAddress: Option.fromUndefinedOr(peer) })
    const response = yield* Effect.provideService(app, HttpServerRequest.HttpServerRequest, request)
    return HttpServerResponse.toWeb(response).status
  })

it.effect("the administration API rejects requests from other machines, and requests without an address", () =>
  Effect.gen(function* () {
    for (const peer of [
      "192.168.1.7",
      "::ffff:192.168.1.7",
      "fe80::1",
      "2001:db8::1",
      "127.0.0.1.evil.test",
      "",
      undefined
    ]) {
      assert.strictEqual(yield* statusFor(peer), 403, peer)
    }
    for (const peer of ["127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "::1"]) {
      assert.strictEqual(yield* statusFor(peer), 200, peer)
    }
  })
)

it.effect("the administration API exists only with a token, and the services always", () =>
  Effect.gen(function* () {
    const { status } = yield* ask("GET", "/_admin/inbox", { token: Redacted.value(adminToken) })
    assert.strictEqual(status, 404)
    assert.deepStrictEqual(yield* (yield* Inbox.Inbox).messages(), [])
    assert.deepStrictEqual(yield* (yield* Admin.Admin).users("shop"), [])
  }).pipe(withApps(apps))
)

it.effect("a server does not start with a short administration token", () =>
  Effect.gen(function* () {
    const error = yield* AppServicesServer.make(apps, { adminToken: Redacted.make("short") }).pipe(
      Effect.scoped,
      Effect.flip
    )
    assert.strictEqual(error.message, "adminToken is too short: expected at least 32 characters")
  })
)
