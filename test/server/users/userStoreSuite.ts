import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Redacted } from "effect"
import {
  type ApiKey,
  type EmailToken,
  type Identity,
  type PushRegistration,
  type Session,
  UserStore,
  type User
} from "../../../src/server/users/UserStore.ts"

export const identity = (id: string, email?: string): Identity => ({
  id,
  providerType: email === undefined ? "anon-user" : "local-userpass",
  providerId: "p",
  data: email === undefined ? {} : { email }
})
export const user = (id: string, ...identities: [Identity, ...Array<Identity>]): User => ({
  id,
  type: "normal",
  identities,
  createdAt: 0,
  disabled: false
})
export const session = (id: string, userId: string, expiresAt = 100, createdAt = 0): Session => ({
  id,
  userId,
  identity: identity("i"),
  deviceId: "d",
  createdAt,
  expiresAt
})
export const key = (id: string, userId: string, name: string): ApiKey => ({
  id,
  userId,
  name,
  digest: `digest ${id}`,
  disabled: false
})

export const emailToken = (id: string, accountId: string, kind: EmailToken["kind"] = "reset"): EmailToken => ({
  id,
  kind,
  accountId,
  email: `${accountId}@b.c`,
  digest: `digest ${id}`,
  expiresAt: 100
})
export const account = (id: string) => ({ id, email: `${id}@b.c`, passwordHash: Redacted.make("h"), confirmed: false })

const epochOf = ({ epoch }: User): Pick<Session, "epoch"> => (epoch === undefined ? {} : { epoch })

/** What every store of users keeps to. */
export const suite = (name: string, layer: Layer.Layer<UserStore>) =>
  describe(`UserStore ${name}`, () => {
    it.effect("finds a user by id and by identity, in its own application only", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1")))
        assert.strictEqual(Option.getOrThrow(yield* store.user("a", "u1")).id, "u1")
        assert.strictEqual(Option.getOrThrow(yield* store.userByIdentity("a", "anon-user", "i1")).id, "u1")
        assert.isTrue(Option.isNone(yield* store.userByIdentity("a", "api-key", "i1")))
        assert.isTrue(Option.isNone(yield* store.user("b", "u1")))
      }).pipe(Effect.provide(layer))
    )

    it.effect("gives an identity to one user only, in the order of linking", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1")))
        yield* store.createUser("a", user("u2", identity("i2")))
        assert.deepInclude(yield* Effect.flip(store.createUser("a", user("u3", identity("i1")))), {
          _tag: "AlreadyExists",
          what: "identity"
        })
        assert.strictEqual((yield* Effect.flip(store.addIdentity("a", "u1", identity("i2")))).what, "identity")
        yield* store.addIdentity("a", "u1", identity("i3"))
        yield* store.addIdentity("a", "u1", identity("i3"))
        const { identities } = Option.getOrThrow(yield* store.user("a", "u1"))
        assert.deepStrictEqual(
          identities.map(({ id }) => id),
          ["i1", "i3"]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("takes an address once, case-sensitively", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        const account = { id: "1", email: "a@b.c", passwordHash: Redacted.make("h"), confirmed: true }
        yield* store.createAccount("a", account)
        assert.strictEqual((yield* Effect.flip(store.createAccount("a", { ...account, id: "2" }))).what, "account")
        yield* store.createAccount("a", { ...account, id: "3", email: "A@b.c" })
        assert.strictEqual(Option.getOrThrow(yield* store.account("a", "a@b.c")).id, "1")
      }).pipe(Effect.provide(layer))
    )

    it.effect("forgets everything of a deleted user", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createAccount("a", { id: "i1", email: "a@b.c", passwordHash: Redacted.make("h"), confirmed: true })
        yield* store.createUser("a", user("u1", identity("i1", "a@b.c")))
        yield* store.createSession("a", session("s1", "u1"))
        yield* store.createApiKey("a", key("k1", "u1", "ci"))
        yield* store.deleteUser("a", "u1")
        assert.isTrue(Option.isNone(yield* store.user("a", "u1")))
        assert.isTrue(Option.isNone(yield* store.userByIdentity("a", "local-userpass", "i1")))
        assert.isTrue(Option.isNone(yield* store.account("a", "a@b.c")))
        assert.isTrue(Option.isNone(yield* store.session("a", "s1")))
        assert.isTrue(Option.isNone(yield* store.apiKeyByDigest("a", "digest k1")))
      }).pipe(Effect.provide(layer))
    )

    it.effect("gives a user one identity with e-mail and password", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1")))
        yield* store.addIdentity("a", "u1", identity("i2", "a@b.c"))
        yield* store.addIdentity("a", "u1", identity("i2", "a@b.c"))
        assert.strictEqual((yield* Effect.flip(store.addIdentity("a", "u1", identity("i3", "c@b.c")))).what, "provider")
        const { identities } = Option.getOrThrow(yield* store.user("a", "u1"))
        assert.deepStrictEqual(
          identities.map(({ id }) => id),
          ["i1", "i2"]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("changes what an identity tells, in its place, and an unknown one's nothing", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1"), identity("i2")))
        yield* store.setIdentityData("a", { ...identity("i1"), data: { name: "Ada" } })
        yield* store.setIdentityData("a", identity("i9"))
        yield* store.setIdentityData("b", identity("i1"))
        const { identities } = Option.getOrThrow(yield* store.user("a", "u1"))
        assert.deepStrictEqual(
          identities.map(({ data, id }) => [id, data]),
          [
            ["i1", { name: "Ada" }],
            ["i2", {}]
          ]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("ends the sessions of a user who is disabled", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1")))
        yield* store.createUser("a", user("u2", identity("i2")))
        yield* store.createSession("a", session("s1", "u1"))
        yield* store.createSession("a", session("s2", "u2"))
        assert.isFalse(yield* store.setUserDisabled("a", "u9", true))
        assert.isTrue(yield* store.setUserDisabled("a", "u1", true))
        const disabled = Option.getOrThrow(yield* store.user("a", "u1"))
        assert.isTrue(disabled.disabled)
        assert.isTrue(Option.isNone(yield* store.session("a", "s1")))
        assert.deepStrictEqual(yield* store.sessions("a", "u1"), [])
        assert.isTrue(Option.isSome(yield* store.session("a", "s2")))
        assert.isTrue(yield* store.setUserDisabled("a", "u1", false))
        assert.isTrue(Option.isNone(yield* store.session("a", "s1")))
        yield* store.createSession("a", { ...session("s3", "u1"), ...epochOf(disabled) })
        assert.isTrue(Option.isSome(yield* store.session("a", "s3")))
      }).pipe(Effect.provide(layer))
    )

    it.effect(
      "begins no session of a user who is disabled, deleted, or logged out since the credentials were checked",
      () =>
        Effect.gen(function* () {
          const store = yield* UserStore
          const begun = (id: string, user: User) =>
            store
              .createSession("a", { ...session(id, user.id), ...epochOf(user) })
              .pipe(Effect.andThen(store.session("a", id)), Effect.map(Option.isSome))
          const read = (id: string) => Effect.map(store.user("a", id), Option.getOrThrow)
          yield* store.createUser("a", user("u1", identity("i1")))
          const before = yield* read("u1")
          assert.isTrue(yield* begun("s1", before))
          yield* store.deleteSessions("a", "u1")
          assert.isFalse(yield* begun("s2", before))
          const after = yield* read("u1")
          assert.isTrue(yield* begun("s3", after))
          yield* store.setUserDisabled("a", "u1", true)
          assert.isFalse(yield* begun("s4", after))
          assert.isFalse(yield* begun("s5", yield* read("u1")))
          yield* store.setUserDisabled("a", "u1", false)
          assert.isFalse(yield* begun("s6", after))
          const enabled = yield* read("u1")
          assert.isTrue(yield* begun("s7", enabled))
          yield* store.deleteUser("a", "u1")
          assert.isFalse(yield* begun("s8", enabled))
          assert.isFalse(yield* begun("s9", user("u9", identity("i9"))))
        }).pipe(Effect.provide(layer))
    )

    it.effect("creates no user for an account that was deleted", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        const ada = user("u1", identity("i1", "i1@b.c"))
        assert.strictEqual((yield* Effect.flip(store.createUser("a", ada)))._tag, "AccountGone")
        yield* store.createAccount("a", account("i1"))
        yield* store.createUser("a", ada)
        yield* store.deleteUser("a", "u1")
        const late = { ...ada, id: "u2" }
        assert.strictEqual((yield* Effect.flip(store.createUser("a", late)))._tag, "AccountGone")
        assert.deepStrictEqual(yield* store.records("a"), [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("gives a token of an e-mail out once, to who has it, and keeps the newest of a kind", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createAccount("a", account("i1"))
        yield* store.createEmailToken("a", emailToken("t1", "i1"))
        yield* store.createEmailToken("a", emailToken("t2", "i1"))
        yield* store.createEmailToken("a", emailToken("t3", "i1", "confirmation"))
        const taken = (appId: string, id: string, kind: EmailToken["kind"], digest = `digest ${id}`) =>
          Effect.map(store.takeEmailToken(appId, { id, kind, digest }), Option.isSome)
        assert.isFalse(yield* taken("a", "t1", "reset"))
        assert.isFalse(yield* taken("b", "t2", "reset"))
        assert.isFalse(yield* taken("a", "t2", "confirmation"))
        assert.isFalse(yield* taken("a", "t2", "reset", "another digest"))
        assert.isTrue(yield* taken("a", "t2", "reset"))
        assert.isFalse(yield* taken("a", "t2", "reset"))
        yield* store.deleteAccount("a", "i1@b.c")
        assert.isFalse(yield* taken("a", "t3", "confirmation"))
      }).pipe(Effect.provide(layer))
    )

    it.effect("changes an account that is still the same one", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createAccount("a", account("i1"))
        assert.isTrue(yield* store.updateAccount("a", { id: "i1", email: "i1@b.c", confirmed: true }))
        assert.isFalse(yield* store.updateAccount("a", { id: "i2", email: "i1@b.c", confirmed: false }))
        assert.isFalse(yield* store.updateAccount("a", { id: "i1", email: "gone@b.c", confirmed: true }))
        assert.isTrue(Option.getOrThrow(yield* store.account("a", "i1@b.c")).confirmed)
        assert.isTrue(Option.isNone(yield* store.account("a", "gone@b.c")))

        const { passwordHash } = account("i1")
        const [other, renewed] = [Redacted.make("another hash"), Redacted.make("renewed hash")]
        const change = { id: "i1", email: "i1@b.c", passwordHash: renewed }
        assert.isFalse(yield* store.updateAccount("a", change, other), "the password was changed meanwhile")
        assert.isTrue(yield* store.updateAccount("a", change, Redacted.make(Redacted.value(passwordHash))))
        assert.isFalse(yield* store.updateAccount("a", change, passwordHash))
      }).pipe(Effect.provide(layer))
    )

    it.effect("names an API key once for each user", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        for (const id of ["1", "2"]) yield* store.createUser("a", user(`u${id}`, identity(`i${id}`)))
        yield* store.createApiKey("a", key("k1", "u1", "ci"))
        assert.strictEqual((yield* Effect.flip(store.createApiKey("a", key("k2", "u1", "ci")))).what, "apiKey")
        yield* store.createApiKey("a", key("k3", "u2", "ci"))
        yield* store.setApiKeyDisabled("a", "k1", true)
        assert.deepStrictEqual(
          (yield* store.apiKeys("a", "u1")).map(({ disabled, id }) => [id, disabled]),
          [["k1", true]]
        )
        yield* store.deleteApiKey("a", "k1")
        assert.deepStrictEqual(yield* store.apiKeys("a", "u1"), [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("ends the sessions of an API key that is disabled or deleted, and no others", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        const ofKey = (id: string, keyId: string): Session => ({
          ...session(id, "u1"),
          identity: { ...identity(keyId), providerType: "api-key" }
        })
        yield* store.createUser("a", user("u1", identity("k1")))
        for (const id of ["k1", "k2", "k3"]) yield* store.createApiKey("a", key(id, "u1", id))
        const sessions = [
          ofKey("s1", "k1"),
          ofKey("s2", "k2"),
          ofKey("s3", "k3"),
          { ...session("s4", "u1"), identity: identity("k1") }
        ]
        for (const it of sessions) yield* store.createSession("a", it)
        yield* store.setApiKeyDisabled("a", "k1", true)
        yield* store.deleteApiKey("a", "k2")
        yield* store.setApiKeyDisabled("a", "k3", true, "s3")
        // sessions that begin meanwhile are kept
        for (const keyId of ["k1", "k2", "k3"]) yield* store.createSession("a", ofKey(`late ${keyId}`, keyId))
        yield* store.setApiKeyDisabled("a", "k3", false)
        assert.deepStrictEqual(
          (yield* store.sessions("a", "u1")).map(({ id }) => id),
          ["s3", "s4"]
        )
      }).pipe(Effect.provide(layer))
    )

    it.effect("keeps push registrations by user, device and service", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        const registration = (service: string, token: string): PushRegistration => ({
          service,
          userId: "u1",
          deviceId: "d",
          token: Redacted.make(token)
        })
        yield* store.createUser("a", user("u1", identity("i1")))
        yield* store.setPushRegistration("a", registration("gcm", "one"))
        yield* store.setPushRegistration("a", registration("gcm", "two"))
        yield* store.setPushRegistration("a", registration("\ud800", "three"))
        yield* store.setPushRegistration("a", registration("\ud801", "four"))
        const tokens = Effect.map(store.pushRegistrations("a"), (all) => all.map(({ token }) => Redacted.value(token)))
        assert.deepStrictEqual(yield* tokens, ["two", "three", "four"])
        yield* store.deletePushRegistration("a", registration("\ud800", ""))
        assert.deepStrictEqual(yield* tokens, ["two", "four"])
        yield* store.deleteUser("a", "u1")
        assert.deepStrictEqual(yield* tokens, [])
      }).pipe(Effect.provide(layer))
    )

    it.effect("finds a key by its digest until it is deleted, and lists keys in the order in which they came", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createUser("a", user("u1", identity("i1")))
        for (const name of ["k2", "k1", "k3"]) yield* store.createApiKey("a", key(name, "u1", name))
        yield* store.setApiKeyDisabled("a", "k2", true)
        yield* store.deleteApiKey("a", "k1")
        assert.deepStrictEqual(
          (yield* store.apiKeys("a", "u1")).map(({ id }) => id),
          ["k2", "k3"]
        )
        assert.isTrue(Option.getOrThrow(yield* store.apiKeyByDigest("a", "digest k2")).disabled)
        assert.isTrue(Option.isNone(yield* store.apiKeyByDigest("a", "digest k1")))
        assert.isTrue(Option.isNone(yield* store.apiKeyByDigest("b", "digest k2")))
      }).pipe(Effect.provide(layer))
    )

    it.effect("ends a session, or all of a user", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        for (const id of ["1", "2"]) yield* store.createUser("a", user(`u${id}`, identity(`i${id}`)))
        for (const id of ["s1", "s2", "s3"]) yield* store.createSession("a", session(id, "u1"))
        yield* store.createSession("a", session("s4", "u2"))
        yield* store.deleteSession("a", "s2")
        const alive = Effect.filter(["s1", "s2", "s3", "s4"], (id) => Effect.map(store.session("a", id), Option.isSome))
        assert.deepStrictEqual(yield* alive, ["s1", "s3", "s4"])
        assert.deepStrictEqual(Option.getOrThrow(yield* store.session("a", "s1")), session("s1", "u1"))
        yield* store.deleteSessions("a", "u1")
        assert.deepStrictEqual(yield* alive, ["s4"])
      }).pipe(Effect.provide(layer))
    )

    it.effect("distinguishes addresses that are not well-formed Unicode", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        yield* store.createAccount("a", { ...account("i1"), email: "\ud800@b.c" })
        yield* store.createAccount("a", { ...account("i2"), email: "\ud801@b.c" })
        assert.strictEqual(Option.getOrThrow(yield* store.account("a", "\ud800@b.c")).id, "i1")
        assert.strictEqual(Option.getOrThrow(yield* store.account("a", "\ud801@b.c")).id, "i2")
        const { passwordHash } = Option.getOrThrow(yield* store.account("a", "\ud801@b.c"))
        assert.strictEqual(Redacted.value(passwordHash), "h")
      }).pipe(Effect.provide(layer))
    )

    it.effect("adds all records, or none", () =>
      Effect.gen(function* () {
        const store = yield* UserStore
        const none = { account: undefined, apiKeys: [], pushRegistrations: [] }
        const ada = {
          user: user("u1", identity("i1", "i1@b.c")),
          account: account("i1"),
          apiKeys: [key("k1", "u1", "ci")],
          pushRegistrations: [{ service: "gcm", userId: "u1", deviceId: "d", token: Redacted.make("t") }]
        }
        const pending = { ...none, user: undefined, account: account("i2") }
        assert.strictEqual(yield* store.addRecords("a", [ada, pending]), 2)
        assert.deepStrictEqual(yield* store.records("a"), [ada, pending])
        const bob = { ...none, user: user("u2", identity("i9")) }
        const refusal = (records: Parameters<typeof store.addRecords>[1]) =>
          Effect.map(Effect.flip(store.addRecords("a", records)), ({ index, twice, what }) => [index, what, twice])
        assert.deepStrictEqual(yield* refusal([bob, ada]), [1, "user", false])
        assert.deepStrictEqual(yield* refusal([bob, { ...none, user: user("u3", identity("i9")) }]), [
          1,
          "identity",
          true
        ])
        assert.deepStrictEqual(yield* refusal([{ ...none, user: user("u4", identity("i1", "x")) }]), [
          0,
          "identity",
          false
        ])
        assert.deepStrictEqual(yield* refusal([{ ...pending, account: { ...account("i3"), email: "i2@b.c" } }]), [
          0,
          "account",
          false
        ])
        const thief = { ...bob, apiKeys: [{ ...key("k2", "u2", "ci"), digest: "digest k1" }] }
        assert.deepStrictEqual(yield* refusal([thief]), [0, "apiKey", false])
        assert.strictEqual((yield* Effect.flip(store.addRecords("a", [thief], { skipExisting: true }))).what, "apiKey")
        assert.isTrue(Option.isNone(yield* store.user("a", "u2")))
        assert.strictEqual(yield* store.addRecords("a", [ada, pending, bob], { skipExisting: true }), 1)
        assert.isTrue(Option.isSome(yield* store.user("a", "u2")))
        assert.strictEqual(yield* store.addRecords("b", [ada]), 1)
      }).pipe(Effect.provide(layer))
    )
  })
