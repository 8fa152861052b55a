import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { App, Inbox } from "effect-app-services/server"
import * as AppServicesServer from "../../../src/server/AppServicesServer.ts"
import { ask, path, register, withApps } from "../support.ts"

const app = App.make({
  id: "my-app",
  providers: { emailPassword: { emailConfirmationUrl: "/confirm?lang=en", resetPasswordUrl: "https://x.test/r" } }
})
const publicUrl = "https://api.shop.example"

describe("publicUrl", () => {
  it.effect("is the address that clients are told, whatever the request says", () =>
    Effect.gen(function* () {
      const headers = { host: "internal:9090", "x-forwarded-host": "evil.test", "x-forwarded-proto": "http" }
      const { body } = yield* ask("GET", path("my-app", "location"), { headers })
      assert.deepInclude(body, { hostname: publicUrl, ws_hostname: "wss://api.shop.example" })
    }).pipe(withApps(app, { publicUrl: `${publicUrl}/` }))
  )

  it.effect("is the address of pages of e-mails that name none", () =>
    Effect.gen(function* () {
      yield* register("a@b.c", "correct horse")
      const [mail] = yield* (yield* Inbox.Inbox).messages()
      const url = new URL(Redacted.value(mail.url!))
      assert.deepStrictEqual([url.origin, url.pathname, url.searchParams.get("lang")], [publicUrl, "/confirm", "en"])
      yield* ask("POST", path("my-app", "auth/providers/local-userpass/reset/send"), { body: { email: "a@b.c" } })
      const reset = (yield* (yield* Inbox.Inbox).messages()).at(-1)!
      assert.strictEqual(new URL(Redacted.value(reset.url!)).origin, "https://x.test")
    }).pipe(withApps(app, { publicUrl }))
  )

  it.effect("is refused if it is not an origin", () =>
    Effect.gen(function* () {
      for (const url of [
        "shop.example",
        "ftp://shop.example",
        "https://shop.example/api",
        "https://u:p@shop.example"
      ]) {
        const { message } = yield* Effect.flip(Effect.scoped(AppServicesServer.make(app, { publicUrl: url })))
        assert.include(message, "invalid public URL")
      }
    })
  )
})
