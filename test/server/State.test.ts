import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { type ApiKey, type Identity, type Session, State, type User } from "../../src/server/State.ts"

const identity = (id: string, email?: string): Identity => ({
  id,
  providerType: email === undefined ? "anon-user" : "local-userpass",
  providerId: "p",
  data: email === undefined ? {} : { email }
})
const user = (id: string, ...identities: [Identity, ...Array<Identity>]): User => ({
  id,
  type: "normal",
  identities,
  createdAt: 0
})
const session = (id: string, userId: string, expiresAt = 100, createdAt = 0): Session => ({
  id,
  userId,
  identity: identity("i"),
  deviceId: "d",
  createdAt,
  expiresAt
})
const key = (id: string, userId: string, name: string): ApiKey => ({
  id,
  userId,
  name,
  digest: `digest ${id}`,
  disabled: false
})

describe("State in memory", () => {
  it.effect("finds a user by id and by identity, in its own application only", () =>
    Effect.gen(function* () {
      const state = yield* State
      yield* state.createUser("a", user("u1", identity("i1")))
      assert.strictEqual(Option.getOrThrow(yield* state.user("a", "u1")).id, "u1")
      assert.strictEqual(Option.getOrThrow(yield* state.userByIdentity("a", "anon-user", "i1")).id, "u1")
      assert.isTrue(Option.isNone(yield* state.userByIdentity("a", "api-key", "i1")))
      assert.isTrue(Option.isNone(yield* state.user("b", "u1")))
    }).pipe(Effect.provide(State.layerMemory))
  )

  it.effect("gives an identity to one user only, in the order of linking", () =>
    Effect.gen(function* () {
      const state = yield* State
      yield* state.createUser("a", user("u1", identity("i1")))
      yield* state.createUser("a", user("u2", identity("i2")))
      assert.strictEqual((yield* Effect.flip(state.createUser("a", user("u3", identity("i1"))))).what, "identity")
      assert.strictEqual((yield* Effect.flip(state.addIdentity("a", "u1", identity("i2")))).what, "identity")
      yield* state.addIdentity("a", "u1", identity("i3"))
      yield* state.addIdentity("a", "u1", identity("i3"))
      const { identities } = Option.getOrThrow(yield* state.user("a", "u1"))
      assert.deepStrictEqual(
        identities.map(({ id }) => id),
        ["i1", "i3"]
      )
    }).pipe(Effect.provide(State.layerMemory))
  )

  it.effect("takes an address once, case-sensitively", () =>
    Effect.gen(function* () {
      const state = yield* State
      const account = { id: "1", email: "a@b.c", passwordHash: Redacted.make("h"), confirmed: true }
      yield* state.createAccount("a", account)
      assert.strictEqual((yield* Effect.flip(state.createAccount("a", { ...account, id: "2" }))).what, "account")
      yield* state.createAccount("a", { ...account, id: "3", email: "A@b.c" })
      assert.strictEqual(Option.getOrThrow(yield* state.account("a", "a@b.c")).id, "1")
    }).pipe(Effect.provide(State.layerMemory))
  )

  it.effect("forgets everything of a deleted user", () =>
    Effect.gen(function* () {
      const state = yield* State
      yield* state.createAccount("a", { id: "i1", email: "a@b.c", passwordHash: Redacted.make("h"), confirmed: true })
      yield* state.createUser("a", user("u1", identity("i1", "a@b.c")))
      yield* state.createSession("a", session("s1", "u1"))
      yield* state.createApiKey("a", key("k1", "u1", "ci"))
      yield* state.deleteUser("a", "u1")
      assert.isTrue(Option.isNone(yield* state.user("a", "u1")))
      assert.isTrue(Option.isNone(yield* state.userByIdentity("a", "local-userpass", "i1")))
      assert.isTrue(Option.isNone(yield* state.account("a", "a@b.c")))
      assert.isTrue(Option.isNone(yield* state.session("a", "s1")))
      assert.isTrue(Option.isNone(yield* state.apiKeyByDigest("a", "digest k1")))
    }).pipe(Effect.provide(State.layerMemory))
  )

  it.effect("drops a user's expired sessions when a new one begins", () =>
    Effect.gen(function* () {
      const state = yield* State
      yield* state.createSession("a", session("old", "u1", 10))
      yield* state.createSession("a", session("live", "u1", 1000))
      yield* state.createSession("a", session("new", "u1", 1000, 20))
      assert.isTrue(Option.isNone(yield* state.session("a", "old")))
      assert.isTrue(Option.isSome(yield* state.session("a", "live")))
      assert.isTrue(Option.isSome(yield* state.session("a", "new")))
    }).pipe(Effect.provide(State.layerMemory))
  )

  it.effect("names an API key once for each user", () =>
    Effect.gen(function* () {
      const state = yield* State
      yield* state.createApiKey("a", key("k1", "u1", "ci"))
      assert.strictEqual((yield* Effect.flip(state.createApiKey("a", key("k2", "u1", "ci")))).what, "apiKey")
      yield* state.createApiKey("a", key("k3", "u2", "ci"))
      yield* state.setApiKeyDisabled("a", "k1", true)
      assert.deepStrictEqual(
        (yield* state.apiKeys("a", "u1")).map(({ disabled, id }) => [id, disabled]),
        [["k1", true]]
      )
      yield* state.deleteApiKey("a", "k1")
      assert.deepStrictEqual(yield* state.apiKeys("a", "u1"), [])
    }).pipe(Effect.provide(State.layerMemory))
  )
})
