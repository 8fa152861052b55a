import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory } from "../server/support.ts"
import { anonymousApp, ask, serveJson } from "./support.ts"

const app = anonymousApp("my-app")

describe("serve, on a server", () => {
  it.live("answers health checks, and is not ready from SIGTERM until it stops", () =>
    Effect.gen(function* () {
      // longer than the test: it does not wait for the end
      const { child, ready } = yield* serveJson([yield* directory(app), "--drain", "600"])
      const readiness = ask(`${ready.baseUrl}/readyz`)
      assert.strictEqual((yield* ask(`${ready.baseUrl}/healthz`)).status, 200)
      assert.strictEqual((yield* readiness).status, 200)
      child.kill("SIGTERM")
      let answer = yield* readiness
      while (answer.status === 200) answer = yield* readiness
      assert.strictEqual(answer.status, 503)
      assert.match(answer.body["reason"], /draining/)
      assert.strictEqual((yield* ask(`${ready.baseUrl}/healthz`)).status, 200)
    }).pipe(Effect.scoped)
  )
})
