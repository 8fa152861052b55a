import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { isRowStoreError, RowStore } from "../../../src/server/storage/RowStore.ts"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import * as FakeJournal from "../data/rowStore.ts"
import { directory } from "../support.ts"
import { races, Stores } from "./userStoreRaces.ts"
import { account, emailToken, identity, key, session, suite, user } from "./userStoreSuite.ts"

type Any = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown>

/** Every operation on a directory that was just opened, and that is closed after it. */
const reopened = Layer.effect(
  UserStore,
  Effect.gen(function* () {
    const path = yield* directory({})
    const open = UserStore.layer.pipe(Layer.provide(DataDirectory.layer(path)), Layer.orDie)
    return new Proxy({} as UserStore["Service"], {
      get:
        (_, name: keyof UserStore["Service"]) =>
        (...args: ReadonlyArray<unknown>) =>
          UserStore.use((store) => (store[name] as Any)(...args)).pipe(Effect.provide(open, { local: true }))
    })
  })
)

suite("in memory", UserStore.layerMemory)
races(
  "in memory",
  Layer.provide(
    Layer.effect(
      Stores,
      UserStore.use((store) => Effect.succeed([store, store]))
    ),
    UserStore.layerMemory
  )
)
suite("in a directory that is opened for every operation", reopened)

/** A row store in memory, which can be told to fail, and to be what is found at a start. */
const fake = () => {
  const { service, state, tables } = FakeJournal.make()
  const layer = Layer.provide(UserStore.layer, Layer.succeed(RowStore, service))
  const write = (table: string, key: string, text: string) =>
    service.commit([{ table, key, value: new TextEncoder().encode(text) }])
  return { state, layer, tables, write }
}

describe("UserStore over a row store", () => {
  it.effect("changes nothing when the row store fails, and goes on when it works again", () => {
    const { layer, state } = fake()
    return Effect.gen(function* () {
      const store = yield* UserStore
      yield* store.createAccount("a", account("i1"))
      yield* store.createUser("a", user("u1", identity("i1", "i1@b.c")))
      yield* store.createAccount("a", account("i3"))
      yield* store.createEmailToken("a", emailToken("t1", "i1"))
      yield* store.createSession("a", session("s1", "u1"))
      yield* store.createApiKey("a", key("k1", "u1", "ci"))
      yield* store.setPushRegistration("a", { service: "g", userId: "u1", deviceId: "d", token: Redacted.make("t") })
      const seen = Effect.all([
        store.records("a"),
        store.userByIdentity("a", "anon-user", "i2"),
        store.session("a", "s1"),
        store.session("a", "s2"),
        store.apiKeyByDigest("a", "digest k1")
      ])
      const before = yield* seen
      const operations: Record<string, Effect.Effect<unknown, unknown>> = {
        createUser: store.createUser("a", user("u2", identity("i2"))),
        addIdentity: store.addIdentity("a", "u1", identity("i2")),
        setIdentityData: store.setIdentityData("a", { ...identity("i1", "i1@b.c"), data: { name: "Ada" } }),
        setUserDisabled: store.setUserDisabled("a", "u1", true),
        deleteUser: store.deleteUser("a", "u1"),
        createAccount: store.createAccount("a", account("i2")),
        updateAccount: store.updateAccount("a", { id: "i1", email: "i1@b.c", confirmed: true }),
        deleteAccount: store.deleteAccount("a", "i3@b.c"),
        createEmailToken: store.createEmailToken("a", emailToken("t2", "i1")),
        takeEmailToken: store.takeEmailToken("a", emailToken("t1", "i1")),
        createSession: store.createSession("a", session("s2", "u1")),
        deleteSession: store.deleteSession("a", "s1"),
        deleteSessions: store.deleteSessions("a", "u1"),
        createApiKey: store.createApiKey("a", key("k2", "u1", "other")),
        setApiKeyDisabled: store.setApiKeyDisabled("a", "k1", true),
        deleteApiKey: store.deleteApiKey("a", "k1"),
        setPushRegistration: store.setPushRegistration("a", {
          service: "g",
          userId: "u1",
          deviceId: "d",
          token: Redacted.make("u")
        }),
        deletePushRegistration: store.deletePushRegistration("a", { service: "g", userId: "u1", deviceId: "d" }),
        addRecords: store.addRecords("a", [
          { user: user("u2", identity("i2")), account: account("i2"), apiKeys: [], pushRegistrations: [] }
        ])
      }
      state.full = true
      for (const [name, operation] of Object.entries(operations)) {
        const defect = yield* Effect.catchDefect(operation, (defect) => Effect.succeed(defect))
        assert.isTrue(isRowStoreError(defect), name)
        assert.deepStrictEqual(yield* seen, before, name)
      }
      state.full = false
      assert.isTrue(Option.isSome(yield* store.takeEmailToken("a", emailToken("t1", "i1"))))
      yield* store.deleteUser("a", "u1")
      yield* store.deleteAccount("a", "i3@b.c")
      assert.deepStrictEqual(yield* store.records("a"), [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("writes the rows of an operation in one commit, and none where nothing changes", () => {
    const {
      layer,
      state: { commits },
      tables
    } = fake()
    return Effect.gen(function* () {
      const store = yield* UserStore
      const ada = { ...identity("i1", "i1@b.c"), data: { email: "i1@b.c", more: [1, { a: null }] } }
      yield* store.createAccount("a", account("i1"))
      yield* store.createUser("a", user("u1", ada))
      for (const id of ["s1", "s2"]) yield* store.createSession("a", session(id, "u1"))
      const count = commits.length
      yield* store.setIdentityData("a", structuredClone(ada))
      yield* store.deleteSession("a", "unknown")
      yield* store.deleteUser("a", "unknown")
      yield* store.addIdentity("a", "u1", ada)
      assert.strictEqual(commits.length, count)
      yield* store.deleteUser("a", "u1")
      assert.strictEqual(commits.length, count + 1)
      assert.strictEqual(commits.at(-1)?.length, 4)
      for (const rows of tables.values()) assert.strictEqual(rows.size, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("drops a user's expired sessions when a new one begins", () =>
    Effect.gen(function* () {
      const store = yield* UserStore
      yield* store.createUser("a", user("u1", identity("i1")))
      yield* store.createSession("a", session("old", "u1", 10))
      yield* store.createSession("a", session("live", "u1", 1000))
      yield* store.createSession("a", session("new", "u1", 1000, 20))
      assert.isTrue(Option.isNone(yield* store.session("a", "old")))
      assert.isTrue(Option.isSome(yield* store.session("a", "live")))
      assert.isTrue(Option.isSome(yield* store.session("a", "new")))
    }).pipe(Effect.provide(UserStore.layerMemory))
  )

  it.effect("ignores what a later version has added to a row", () => {
    const { layer, write } = fake()
    const row = { ...user("u1", identity("i1")), nickname: "Ada" }
    write("users/user/a", "u1", JSON.stringify(row))
    return Effect.gen(function* () {
      assert.deepStrictEqual(Option.getOrThrow(yield* (yield* UserStore).user("a", "u1")), user("u1", identity("i1")))
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not start on a damaged row, and names it without its content", () =>
    Effect.gen(function* () {
      const good = JSON.stringify({ id: "i1", email: "a@b.c", passwordHash: "a hash", confirmed: true })
      for (const text of ["", "a hash", good.replace("true", "1"), `${good}x`, good.replace("i1", "i2"), "\u0000"]) {
        const { layer, write } = fake()
        write("users/account/my-app", "i1", text)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
        assert.strictEqual(
          error.message,
          'the row "i1" of the table "users/account/my-app" is damaged: restore the data from a backup'
        )
        assert.notInclude(JSON.stringify(error), "a hash")
      }
    })
  )

  it.effect("drops what has expired at a start, and now and then", () => {
    const { layer, tables } = fake()
    const start = Effect.provide(UserStore, layer, { local: true })
    const stored = (model: string) => Array.from(tables.get(`users/${model}/a`)?.keys() ?? [])
    return Effect.gen(function* () {
      const first = yield* start
      for (const id of ["1", "2"]) yield* first.createUser("a", user(`u${id}`, identity(`i${id}`)))
      yield* first.createSession("a", session("s1", "u1", 10))
      yield* first.createSession("a", session("s2", "u1", 20_000_000))
      yield* first.createEmailToken("a", emailToken("t1", "i1"))
      yield* TestClock.adjust("1 minute")
      const second = yield* start
      assert.isTrue(Option.isNone(yield* second.session("a", "s1")))
      assert.isTrue(Option.isSome(yield* second.session("a", "s2")))
      assert.deepStrictEqual([stored("session"), stored("emailToken")], [["s2"], []])
      yield* TestClock.adjust("6 hours")
      const now = yield* Clock.currentTimeMillis
      yield* second.createSession("a", session("s3", "u2", now + 1, now))
      assert.deepStrictEqual(stored("session"), ["s3"])
    })
  })
})
