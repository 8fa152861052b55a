import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { type Change, isJournalError, Journal, JournalError } from "../../../src/server/storage/Journal.ts"
import { State } from "../../../src/server/users/State.ts"
import { directory } from "../support.ts"
import { account, emailToken, identity, key, session, suite, user } from "./StateSuite.ts"

type Any = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown>

/** Every operation on a directory that was just opened, and that is closed after it. */
const reopened = Layer.effect(
  State,
  Effect.gen(function* () {
    const path = yield* directory({})
    const open = State.layer.pipe(Layer.provide(DataDirectory.layer(path)), Layer.orDie)
    return new Proxy({} as State["Service"], {
      get:
        (_, name: keyof State["Service"]) =>
        (...args: ReadonlyArray<unknown>) =>
          State.use((state) => (state[name] as Any)(...args)).pipe(Effect.provide(open, { local: true }))
    })
  })
)

suite("in memory", State.layerMemory)
suite("in a directory that is opened for every operation", reopened)

/** A journal in memory, which can be told to fail, and to be what is found at a start. */
const fake = () => {
  const tables = new Map<string, Map<string, Uint8Array>>()
  const commits: Array<ReadonlyArray<Change>> = []
  const broken = { is: false }
  const journal: Journal["Service"] = {
    keeps: true,
    tables: (prefix) => Array.from(tables.keys()).filter((name) => name.startsWith(prefix)),
    rows: (table) => Array.from(tables.get(table) ?? [], ([key, value]) => ({ key, value })),
    commit: (changes) => {
      if (broken.is) throw new JournalError({ message: "the disk is full" })
      commits.push(changes)
      for (const { key, table, value } of changes) {
        const rows = tables.get(table) ?? new Map<string, Uint8Array>()
        if (value === undefined) rows.delete(key)
        else rows.set(key, value)
        tables.set(table, rows)
      }
    }
  }
  const layer = Layer.provide(State.layer, Layer.succeed(Journal, journal))
  const write = (table: string, key: string, text: string) =>
    journal.commit([{ table, key, value: new TextEncoder().encode(text) }])
  return { broken, commits, layer, tables, write }
}

describe("State over a journal", () => {
  it.effect("changes nothing when the journal fails, and goes on when it works again", () => {
    const { broken, layer } = fake()
    return Effect.gen(function* () {
      const state = yield* State
      yield* state.createUser("a", user("u1", identity("i1", "i1@b.c")))
      yield* state.createAccount("a", account("i1"))
      yield* state.createEmailToken("a", emailToken("t1", "i1"))
      yield* state.createSession("a", session("s1", "u1"))
      yield* state.createApiKey("a", key("k1", "u1", "ci"))
      yield* state.setPushRegistration("a", { service: "g", userId: "u1", deviceId: "d", token: Redacted.make("t") })
      const seen = Effect.all([
        state.records("a"),
        state.userByIdentity("a", "anon-user", "i2"),
        state.session("a", "s1"),
        state.session("a", "s2"),
        state.apiKeyByDigest("a", "digest k1")
      ])
      const before = yield* seen
      const operations: Record<string, Effect.Effect<unknown, unknown>> = {
        createUser: state.createUser("a", user("u2", identity("i2"))),
        addIdentity: state.addIdentity("a", "u1", identity("i2")),
        setIdentityData: state.setIdentityData("a", { ...identity("i1", "i1@b.c"), data: { name: "Ada" } }),
        setUserDisabled: state.setUserDisabled("a", "u1", true),
        deleteUser: state.deleteUser("a", "u1"),
        createAccount: state.createAccount("a", account("i2")),
        updateAccount: state.updateAccount("a", { id: "i1", email: "i1@b.c", confirmed: true }),
        deleteAccount: state.deleteAccount("a", "i1@b.c"),
        createEmailToken: state.createEmailToken("a", emailToken("t2", "i1")),
        takeEmailToken: state.takeEmailToken("a", emailToken("t1", "i1")),
        createSession: state.createSession("a", session("s2", "u1")),
        deleteSession: state.deleteSession("a", "s1"),
        deleteSessions: state.deleteSessions("a", "u1"),
        createApiKey: state.createApiKey("a", key("k2", "u1", "other")),
        setApiKeyDisabled: state.setApiKeyDisabled("a", "k1", true),
        deleteApiKey: state.deleteApiKey("a", "k1"),
        setPushRegistration: state.setPushRegistration("a", {
          service: "g",
          userId: "u1",
          deviceId: "d",
          token: Redacted.make("u")
        }),
        deletePushRegistration: state.deletePushRegistration("a", { service: "g", userId: "u1", deviceId: "d" }),
        addRecords: state.addRecords("a", [
          { user: user("u2", identity("i2")), account: account("i2"), apiKeys: [], pushRegistrations: [] }
        ])
      }
      broken.is = true
      for (const [name, operation] of Object.entries(operations)) {
        const defect = yield* Effect.catchDefect(operation, (defect) => Effect.succeed(defect))
        assert.isTrue(isJournalError(defect), name)
        assert.deepStrictEqual(yield* seen, before, name)
      }
      broken.is = false
      assert.isTrue(Option.isSome(yield* state.takeEmailToken("a", emailToken("t1", "i1"))))
      yield* state.deleteUser("a", "u1")
      assert.deepStrictEqual(yield* state.records("a"), [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("writes the rows of an operation in one commit, and none where nothing changes", () => {
    const { commits, layer, tables } = fake()
    return Effect.gen(function* () {
      const state = yield* State
      const ada = { ...identity("i1", "i1@b.c"), data: { email: "i1@b.c", more: [1, { a: null }] } }
      yield* state.createUser("a", user("u1", ada))
      yield* state.createAccount("a", account("i1"))
      for (const id of ["s1", "s2"]) yield* state.createSession("a", session(id, "u1"))
      const count = commits.length
      yield* state.setIdentityData("a", structuredClone(ada))
      yield* state.deleteSession("a", "unknown")
      yield* state.deleteUser("a", "unknown")
      yield* state.addIdentity("a", "u1", ada)
      assert.strictEqual(commits.length, count)
      yield* state.deleteUser("a", "u1")
      assert.strictEqual(commits.length, count + 1)
      assert.strictEqual(commits.at(-1)?.length, 4)
      for (const rows of tables.values()) assert.strictEqual(rows.size, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("ignores what a later version has added to a row", () => {
    const { layer, write } = fake()
    const row = { ...user("u1", identity("i1")), nickname: "Ada" }
    write("users/user/a", "u1", JSON.stringify(row))
    return Effect.gen(function* () {
      assert.deepStrictEqual(Option.getOrThrow(yield* (yield* State).user("a", "u1")), user("u1", identity("i1")))
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
    const start = Effect.provide(State, layer, { local: true })
    const stored = (model: string) => Array.from(tables.get(`users/${model}/a`)?.keys() ?? [])
    return Effect.gen(function* () {
      const first = yield* start
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
