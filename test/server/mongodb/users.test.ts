import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Redacted } from "effect"
import { Inbox } from "../../../src/server/users/Inbox.ts"
import { type Pending, PendingLogins } from "../../../src/server/users/RedirectLogins.ts"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import { races, Stores } from "../users/userStoreRaces.ts"
import { suite } from "../users/userStoreSuite.ts"
import { overPort, ownDatabase, port, type Services, users } from "./users.ts"

/** The stores of two servers. */
const stores = (users: Services) => {
  const store = Effect.map(Layer.build(Layer.fresh(users)), (services) => Context.get(services, UserStore))
  return Layer.effect(Stores, Effect.all([store, store]))
}

suite("in MongoDB", Layer.orDie(Layer.provide(users, port)))
races("in MongoDB", Layer.orDie(Layer.unwrap(Effect.map(overPort, stores)).pipe(Layer.provide(port))))

const variable = "MONGODB_TEST_URI"
const given = process.env[variable]
if (given !== undefined) {
  const own = ownDatabase(Redacted.make(given))
  suite("on a MongoDB server", Layer.orDie(Layer.unwrap(own)))
  races("on a MongoDB server", Layer.orDie(Layer.unwrap(Effect.map(own, stores))))
} else {
  console.log(`\n  ${variable} is not set: the contract of stores of users was NOT checked on a MongoDB server.\n`)
}

const later = 4e12

const two = Effect.all([Layer.build(Layer.fresh(users)), Layer.build(Layer.fresh(users))])

const pending: Pending = {
  appId: "a",
  provider: "oauth2-google",
  redirect: "https://a.b/c",
  state: "s",
  deviceId: undefined,
  link: { userId: "u", sessionId: "s" },
  callback: "https://a.b/d",
  nonce: Redacted.make("nonce"),
  verifier: Redacted.make("verifier"),
  browser: "digest",
  expiresAt: later
}

describe("two servers with users in MongoDB", () => {
  it.live("finish a login by redirect that began at the other one, once", () =>
    Effect.gen(function* () {
      const [a, b] = (yield* two).map((services) => Context.get(services, PendingLogins))
      if (a === undefined || b === undefined) return assert.fail("two servers are started")
      yield* a.put("state", pending)
      const taken = yield* Effect.all([a.take("state"), b.take("state"), b.take("another")], {
        concurrency: "unbounded"
      })
      const found = taken.filter((it) => it !== undefined)
      assert.strictEqual(found.length, 1)
      assert.strictEqual(Redacted.value(found[0]?.verifier ?? pending.nonce), "verifier")
      assert.deepInclude(found[0], { appId: "a", state: "s", browser: "digest", link: pending.link })
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("claim each e-mail once, and record what became of it", () =>
    Effect.gen(function* () {
      const [a, b] = (yield* two).map((services) => Context.get(services, Inbox))
      if (a === undefined || b === undefined) return assert.fail("two servers are started")
      const at = yield* DateTime.now
      const ids = Array.from({ length: 10 }, (_, i) => `t${i}`)
      for (const tokenId of ids) {
        const [token, text] = [Redacted.make("secret"), Redacted.make("text \ud800")]
        yield* a.deliver({ app: "a", to: "\ud800@b.c", kind: "reset", subject: "", token, tokenId, text, at })
      }
      const claim = { until: DateTime.add(at, { hours: 1 }), limit: 7 }
      const claimed = yield* Effect.all([a.claim(claim), b.claim(claim)], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        claimed
          .flat()
          .map(({ tokenId }) => tokenId)
          .toSorted(),
        ids
      )
      assert.deepStrictEqual(yield* b.claim(claim), [])
      yield* a.record("t0", { state: "failed", attempts: 2, error: "$refused" })
      const [first, second] = yield* b.messages("a")
      assert.deepStrictEqual(first?.delivery, { state: "failed", attempts: 2, error: "$refused" })
      assert.deepInclude(second?.delivery, { state: "waiting", attempts: 0 })
      assert.strictEqual(first?.to, "\ud800@b.c")
      assert.deepStrictEqual(yield* a.messages("b"), [])
    }).pipe(Effect.provide(port), Effect.scoped)
  )
})
