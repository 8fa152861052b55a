import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer, Logger, Option, Path, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { AuthApi, EncryptedTokenRecords, TokenRecords, TokenStore } from "effect-app-services"
import { NodeTokenStore } from "effect-app-services/node"
import { TokenStoreContract } from "effect-app-services/testing"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AppServices } from "effect-app-services"
import { host, token } from "../support/scripted.ts"
import { failure, logIn } from "../support/sdk.ts"

const directory = () => mkdtempSync(join(tmpdir(), "sessions-"))
const key = (id: string, byte: number) => ({ id, key: Redacted.make(Buffer.alloc(32, byte).toString("base64")) })
const KeyValues = KeyValueStore.layerMemory
const encrypted = <R>(
  records: Layer.Layer<TokenRecords, unknown, R>,
  options: EncryptedTokenRecords.Options = { keys: [key("k", 1)] }
) => TokenStore.layerRecords.pipe(Layer.provide(EncryptedTokenRecords.layer(options)), Layer.provide(records))
const Storage = KeyValueStore.layerStorage(() => {
  const items = new Map<string, string>()
  return {
    get length() {
      return items.size
    },
    clear: () => items.clear(),
    getItem: (name) => items.get(name) ?? null,
    key: (index) => [...items.keys()][index] ?? null,
    removeItem: (name) => void items.delete(name),
    setItem: (name, value) => void items.set(name, value)
  }
})

describe("every store keeps the contract", () => {
  TokenStoreContract.suite("memory", TokenStore.layerMemory, it)
  TokenStoreContract.suite("a key-value store", TokenStore.layerKeyValueStore.pipe(Layer.provide(KeyValues)), it)
  TokenStoreContract.suite("Web Storage", TokenStore.layerKeyValueStore.pipe(Layer.provide(Storage)), it)
  TokenStoreContract.suite("files", NodeTokenStore.layerFile(directory()), it)
  TokenStoreContract.suite(
    "memory, encrypted",
    encrypted(TokenRecords.layerKeyValueStore.pipe(Layer.provide(KeyValues))),
    it
  )
  TokenStoreContract.suite("files, encrypted", encrypted(NodeTokenStore.layerFileRecords(directory())), it)
})

it.effect("the contract finds a store that loses changes", () =>
  Effect.gen(function* () {
    const forgetful = Layer.effect(
      TokenStore,
      Effect.map(TokenStore, (store) => ({
        forApp: (appId: string) => {
          const tokens = store.forApp(appId)
          return {
            ...tokens,
            modify: (id, change) =>
              Effect.andThen(
                Effect.yieldNow,
                tokens.modify(id, (user) => [change(user)[0], user])
              )
          }
        }
      }))
    ).pipe(Layer.provide(TokenStore.layerMemory))
    const failures: Array<string> = []
    const runs: Array<Promise<void>> = []
    TokenStoreContract.suite("forgetful", forgetful, (name, run) => {
      runs.push(run().catch(() => void failures.push(name)))
    })
    yield* Effect.promise(() => Promise.all(runs))
    assert.isAbove(failures.length, 5)
  })
)

const app = <R>(store: Layer.Layer<TokenStore, unknown, R>, transport = host().layer) =>
  AppServices.layerNoDeps({ appId: "my-app", baseUrl: "http://base.test" }).pipe(Layer.provide([store, transport]))

describe("sessions in files", () => {
  it.effect("sessions are found again after a restart, in the same order", () => {
    const store = NodeTokenStore.layerFile(directory())
    return Effect.gen(function* () {
      const before = yield* Effect.gen(function* () {
        const users = yield* Effect.all([logIn, logIn, logIn])
        yield* (yield* AuthApi).switchUser(users[0].id)
        return (yield* (yield* AuthApi).allUsers).map(({ id }) => id)
      }).pipe(Effect.provide(app(store), { local: true }))
      yield* Effect.gen(function* () {
        const auth = yield* AuthApi
        assert.deepStrictEqual(
          (yield* auth.allUsers).map(({ id }) => id),
          before
        )
        const current = Option.getOrThrow(yield* auth.currentUser)
        assert.strictEqual(current.id, before[0])
        assert.strictEqual(yield* current.functions.sum(1, 2), 42)
      }).pipe(Effect.provide(app(store), { local: true }))
    })
  })

  it.effect("files are readable by their owner only, and no temporary file is left behind", () => {
    const path = directory()
    return Effect.gen(function* () {
      yield* Effect.provide(logIn, app(NodeTokenStore.layerFile(path)))
      const files = yield* FileSystem.FileSystem
      assert.strictEqual(((yield* files.stat(path)).mode & 0o777).toString(8), "700")
      const names = (yield* files.readDirectory(path)).filter((name) => name.includes("user-"))
      assert.strictEqual(names.length, 1)
      for (const name of names) {
        assert.strictEqual(((yield* files.stat((yield* Path.Path).join(path, name))).mode & 0o777).toString(8), "600")
      }
      assert.deepStrictEqual(yield* files.readDirectory((yield* Path.Path).join(path, ".drafts")), [])
    }).pipe(Effect.provide(NodeServices.layer))
  })
})

describe("damaged records", () => {
  const damages: ReadonlyArray<readonly [string, (text: string) => string]> = [
    ["half-written", (text) => text.slice(0, text.length / 2)],
    ["empty", () => ""],
    ["no JSON", () => "hello"],
    ["another user's", (text) => text.replace(/"id":"user-\d+"/, '"id":"somebody else"')],
    ["without tokens in its session", (text) => text.replace('"refreshToken"', '"something"')]
  ]
  it.effect.each(damages)("%s: set aside and reported, and the other users are well", ([, damage]) => {
    const logged: Array<string> = []
    const Logs = Logger.layer([Logger.make((entry) => void logged.push(JSON.stringify(entry.message)))])
    return Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      const [broken, well] = yield* Effect.all([logIn, logIn])
      const place = `app-services/my-app/users/${broken.id}`
      const text = (yield* values.get(place)) ?? ""
      yield* values.set(place, damage(text))
      const auth = yield* AuthApi
      assert.deepStrictEqual(
        (yield* auth.allUsers).map(({ id }) => id),
        [well.id]
      )
      assert.strictEqual((yield* failure(broken.functions.sum(1, 2))).reason._tag, "UnknownUser")
      assert.strictEqual(yield* well.functions.sum(1, 2), 42)
      assert.strictEqual(yield* values.get(place.replace("users", "set-aside")), damage(text))
      assert.isUndefined(yield* values.get(place))
      assert.strictEqual(logged.length, 1)
      assert.include(logged[0], broken.id)
      assert.notInclude(logged[0], "signature")
    }).pipe(Effect.provide(app(TokenStore.layerKeyValueStore).pipe(Layer.provideMerge(KeyValues), Layer.merge(Logs))))
  })

  it.effect("leaves keys of other programs alone", () =>
    Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      yield* values.set("somebody else's", "data")
      const user = yield* logIn
      assert.deepStrictEqual(
        (yield* (yield* AuthApi).allUsers).map(({ id }) => id),
        [user.id]
      )
      assert.strictEqual(yield* values.get("somebody else's"), "data")
    }).pipe(Effect.provide(app(TokenStore.layerKeyValueStore).pipe(Layer.provideMerge(KeyValues))))
  )
})

it.effect("a store that cannot be written says so, and the session in hand is not invented", () => {
  const Full = Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(KeyValueStore.KeyValueStore, (values) => ({
      ...values,
      set: (name: string) =>
        Effect.fail(
          new KeyValueStore.KeyValueStoreError({ method: "set", key: name, message: "no space left on device" })
        )
    }))
  ).pipe(Layer.provide(KeyValues))
  return Effect.gen(function* () {
    const error = yield* failure(logIn)
    assert.strictEqual(error.reason._tag, "StoreUnavailable")
    assert.include(error.message, "no space left on device")
    assert.isTrue(error.retryable)
    assert.deepStrictEqual(yield* (yield* AuthApi).allUsers, [])
  }).pipe(Effect.provide(app(TokenStore.layerKeyValueStore.pipe(Layer.provide(Full)))))
})

it.effect("a record of a later version is left for that version", () =>
  Effect.gen(function* () {
    const values = yield* KeyValueStore.KeyValueStore
    const text = JSON.stringify({ version: 2, user: "of another shape" })
    yield* values.set("app-services/my-app/users/u", text)
    const error = yield* failure(AuthApi.use((auth) => auth.user("u"))).pipe(
      Effect.provide(app(TokenStore.layerKeyValueStore))
    )
    assert.strictEqual(error.reason._tag, "StoreUnavailable")
    assert.include(error.message, "version 2")
    assert.strictEqual(yield* values.get("app-services/my-app/users/u"), text)
  }).pipe(Effect.provide(KeyValues))
)

describe("encryption", () => {
  const records = TokenRecords.layerKeyValueStore
  const on = (options: EncryptedTokenRecords.Options) => app(encrypted(records, options))
  const texts = Effect.gen(function* () {
    const values = yield* KeyValueStore.KeyValueStore
    return yield* Effect.forEach(
      (yield* values.keys).filter((name) => name.includes("user-")),
      (name) => values.get(name)
    )
  })

  it.effect("nothing of a session is readable, and rotation moves a record when it is written", () =>
    Effect.gen(function* () {
      const user = yield* Effect.provide(logIn, on({ keys: [key("old", 1)] }), { local: true })
      const [before] = yield* texts
      assert.match(before ?? "", /^sealed\.old~[\w-]{12}\./)
      assert.notInclude(before, "accessToken")
      yield* Effect.gen(function* () {
        const found = yield* (yield* AuthApi).user(user.id)
        yield* found.refreshCustomData
      }).pipe(Effect.provide(on({ keys: [key("new", 2), key("old", 1)] }), { local: true }))
      assert.match((yield* texts)[0] ?? "", /^sealed\.new~/)
      const found = yield* Effect.provide(
        Effect.flatMap(AuthApi, (auth) => auth.user(user.id)),
        on({ keys: [key("new", 2)] }),
        { local: true }
      )
      assert.strictEqual(found.id, user.id)
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("a missing key is an error that names it, and the record stays where it is", () =>
    Effect.gen(function* () {
      const user = yield* Effect.provide(logIn, on({ keys: [key("old", 1)] }), { local: true })
      const error = yield* Effect.provide(
        failure(Effect.flatMap(AuthApi, (auth) => auth.user(user.id))),
        on({ keys: [key("new", 2)] }),
        { local: true }
      )
      assert.strictEqual(error.reason._tag, "StoreUnavailable")
      assert.include(error.message, '"old"')
      assert.strictEqual((yield* texts).length, 1)
    }).pipe(Effect.provide(KeyValues))
  )

  const isLost = (id: string) =>
    Effect.gen(function* () {
      const error = yield* failure(AuthApi.use((auth) => auth.user(id)))
      assert.strictEqual(error.reason._tag, "StoreUnavailable")
      assert.isTrue(error.retryable)
      return error.message
    })
  const isFound = (id: string) =>
    Effect.gen(function* () {
      const user = yield* AuthApi.use((auth) => auth.loggedInUser(id))
      assert.strictEqual(user.id, id)
    })

  it.effect("another key under the same id loses nothing: the user is unavailable until the key is back", () =>
    Effect.gen(function* () {
      const user = yield* Effect.provide(logIn, on({ keys: [key("2026-11", 1)] }), { local: true })
      const before = yield* texts
      const changed = on({ keys: [key("2026-11", 2)] })
      const message = yield* Effect.provide(isLost(user.id), changed, { local: true })
      assert.include(message, "under its own id")
      yield* Effect.provide(failure(AuthApi.use((auth) => auth.allUsers)), changed, { local: true })
      // nor does a login of that instance write over what it cannot read
      const same = host((request) =>
        request.path.endsWith("/login")
          ? { body: { access_token: token(), refresh_token: token(), user_id: user.id } }
          : undefined
      )
      const misconfigured = app(encrypted(records, { keys: [key("2026-11", 2)] }), same.layer)
      const login = yield* Effect.provide(failure(logIn), misconfigured, { local: true })
      assert.strictEqual(login.reason._tag, "StoreUnavailable")
      assert.deepStrictEqual(yield* texts, before)
      yield* Effect.provide(isFound(user.id), on({ keys: [key("2026-11", 1)] }), { local: true })
      // whatever id the key has that is back
      yield* Effect.provide(isFound(user.id), on({ keys: [key("2026-11", 2), key("2026-10", 1)] }), { local: true })
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("the two steps of a rotation leave no instance without a key", () =>
    Effect.gen(function* () {
      const [a, b] = [key("a", 1), key("b", 2)]
      const steps = [{ keys: [a] }, { keys: [a, b] }, { keys: [b, a] }, { keys: [b] }] as const
      for (const [index, next] of steps.entries()) {
        const present = steps[index - 1] ?? next
        // while a step is rolled out, instances before and after it read what the others write
        for (const [writer, reader] of [
          [present, next],
          [next, present]
        ] as const) {
          const user = yield* Effect.provide(logIn, on(writer), { local: true })
          yield* Effect.provide(isFound(user.id), on(reader), { local: true })
        }
      }
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("the device id moves to a new key too, and a login goes on without one that cannot be read", () =>
    Effect.gen(function* () {
      const [a, b, c] = [key("a", 1), key("b", 2), key("c", 3)]
      const deviceIn = (options: EncryptedTokenRecords.Options) =>
        Effect.flatMap(TokenStore, (store) => store.forApp("my-app").deviceId).pipe(
          Effect.provide(encrypted(records, options), { local: true })
        )
      yield* Effect.provide(logIn, on({ keys: [a] }), { local: true })
      assert.isTrue(Option.isNone(yield* deviceIn({ keys: [b] })))
      yield* Effect.provide(logIn, on({ keys: [b, a] }), { local: true })
      assert.isTrue(Option.isSome(yield* deviceIn({ keys: [b] })))
      yield* Effect.provide(logIn, on({ keys: [c] }), { local: true })
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("a record without a fingerprint of its key is read, and never set aside", () =>
    Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      const user = yield* Effect.provide(logIn, on({ keys: [key("k", 1)] }), { local: true })
      const place = `app-services/my-app/users/${user.id}`
      yield* values.set(place, ((yield* values.get(place)) ?? "").replace(/~[^.]*/, ""))
      yield* Effect.provide(isFound(user.id), on({ keys: [key("k", 1)] }), { local: true })
      yield* Effect.provide(isFound(user.id), on({ keys: [key("other", 2), key("renamed", 1)] }), { local: true })
      yield* Effect.provide(isLost(user.id), on({ keys: [key("k", 2)] }), { local: true })
      assert.isDefined(yield* values.get(place))
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("a record that is not encrypted is left where it is where that is not allowed", () =>
    Effect.gen(function* () {
      const user = yield* Effect.provide(logIn, app(TokenStore.layerKeyValueStore), { local: true })
      const message = yield* Effect.provide(isLost(user.id), on({ keys: [key("k", 1)] }), { local: true })
      assert.include(message, "allowUnencrypted")
      yield* Effect.provide(isFound(user.id), app(TokenStore.layerKeyValueStore), { local: true })
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("a record in another user's place, or a changed one, is set aside", () =>
    Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      yield* Effect.gen(function* () {
        const [a, b, c] = yield* Effect.all([logIn, logIn, logIn])
        const place = (id: string) => `app-services/my-app/users/${id}`
        yield* values.set(place(a.id), (yield* values.get(place(b.id))) ?? "")
        const changed = (yield* values.get(place(c.id))) ?? ""
        yield* values.set(place(c.id), changed.slice(0, -4) + "AAAA")
        assert.deepStrictEqual(
          (yield* (yield* AuthApi).allUsers).map(({ id }) => id),
          [b.id]
        )
      }).pipe(Effect.provide(on({ keys: [key("k", 1)] })))
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect("plain records are read where that is allowed, and encrypted when written", () =>
    Effect.gen(function* () {
      const user = yield* Effect.provide(logIn, app(TokenStore.layerKeyValueStore), { local: true })
      yield* Effect.gen(function* () {
        const found = yield* (yield* AuthApi).user(user.id)
        yield* found.refreshCustomData
      }).pipe(Effect.provide(on({ keys: [key("k", 1)], allowUnencrypted: true }), { local: true }))
      assert.match((yield* texts)[0] ?? "", /^sealed\.k~/)
    }).pipe(Effect.provide(KeyValues))
  )

  it.effect.each(["too short", Buffer.alloc(16).toString("base64"), "%%%"])("rejects an invalid key: %s", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.provide(
          TokenStore,
          encrypted(records.pipe(Layer.provide(KeyValues)), { keys: [{ id: "k", key: Redacted.make(text) }] })
        )
      )
      assert.include(String(error), "32 bytes")
      assert.notInclude(String(error), text)
    })
  )
})
