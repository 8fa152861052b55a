import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { HttpClient } from "effect/http"
import { App } from "effect-app-services/server"
import { Apps } from "../../../src/server/model/Apps.ts"
import { Database } from "../../../src/server/data/Database.ts"
import { FunctionRunner } from "../../../src/server/model/FunctionRunner.ts"
import { JwtRejected, JwtVerifier } from "../../../src/server/users/JwtVerifier.ts"
import { Logins } from "../../../src/server/users/Logins.ts"
import { OAuth } from "../../../src/server/users/OAuth.ts"
import { PublishedKeys } from "../../../src/server/users/PublishedKeys.ts"
import { PasswordHasher } from "../../../src/server/users/PasswordHasher.ts"
import { AuthEventLog } from "../../../src/server/users/AuthEventLog.ts"
import { AuthEvents } from "../../../src/server/users/AuthEvents.ts"
import { RowStore } from "../../../src/server/storage/RowStore.ts"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import { Users } from "../../../src/server/users/Users.ts"

const app = App.make({ id: "my-app", providers: { emailPassword: true } })

/** What the server asked of its hasher, one entry for each hash that it paid for. */
const paid: Array<"hash" | "verify"> = []

/** What happens while a password is verified. */
let meanwhile: Effect.Effect<unknown> = Effect.void

const Counting = Layer.effect(
  PasswordHasher,
  Effect.map(PasswordHasher, (hasher) =>
    PasswordHasher.of({
      hash: (password) =>
        Effect.andThen(
          Effect.sync(() => paid.push("hash")),
          hasher.hash(password)
        ),
      verify: (password, hash) =>
        Effect.andThen(
          Effect.sync(() => paid.push("verify")),
          Effect.tap(hasher.verify(password, hash), () => meanwhile)
        ),
      isCurrent: hasher.isCurrent
    })
  )
).pipe(Layer.provide(PasswordHasher.layerTesting))

const NoTokens = Layer.succeed(JwtVerifier, {
  verify: () => Effect.fail(new JwtRejected({ message: "no tokens here" }))
})

const NoAccounts = Layer.provide(
  OAuth.layer,
  Layer.mergeAll(
    Layer.succeed(PublishedKeys, { verify: () => Effect.die("no key is fetched here") }),
    Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make(() => Effect.die("no provider is asked here"))
    )
  )
)

const NoFunctions = Layer.succeed(FunctionRunner, { run: () => Effect.die("no function is called here") })

const Server = Logins.layer.pipe(
  Layer.provideMerge(Users.layer),
  Layer.provideMerge([
    AuthEvents.layer.pipe(Layer.provide([Apps.layer([app]), Layer.provide(AuthEventLog.layer, RowStore.layerNone)])),
    Counting,
    NoTokens,
    NoAccounts,
    NoFunctions,
    UserStore.layerMemory,
    Database.layerMemory,
    Apps.layer([app])
  ]),
  Layer.provideMerge(SecureRandom.layerWebCrypto)
)

/** A server that has just started: its store, its hasher, and logins with a password. */
const start = Effect.gen(function* () {
  const context = yield* Layer.build(Server)
  const hosted = Context.get(context, Apps).byId.get("my-app")
  if (hosted === undefined) return assert.fail("the application is hosted")
  return {
    store: Context.get(context, UserStore),
    hash: (password: string) => Context.get(context, PasswordHasher).hash(Redacted.make(password)),
    logIn: (username: string, password: string) =>
      Context.get(context, Logins).logIn("local-userpass", {
        hosted,
        payload: { username, password },
        request: undefined
      })
  }
})

// times can be measured, and prove little on a machine that does other things: what takes the time is counted instead
it.effect("every login with a password costs one hash, for any account and any outcome", () =>
  Effect.gen(function* () {
    const { hash, logIn, store } = yield* start
    const passwordHash = yield* hash("correct horse")
    for (const [email, confirmed] of [
      ["known@b.c", true],
      ["disabled@b.c", true],
      ["pending@b.c", false]
    ] as const) {
      yield* store.createAccount("my-app", { id: email, email, passwordHash, confirmed })
    }
    const { user } = yield* logIn("disabled@b.c", "correct horse")
    yield* store.setUserDisabled("my-app", user.id, true)

    const refusals: Array<unknown> = []
    for (const username of ["unknown@b.c", "known@b.c", "disabled@b.c", "pending@b.c", "", "__proto__"]) {
      paid.length = 0
      const { _tag, error, error_code } = yield* Effect.flip(logIn(username, "wrong password"))
      refusals.push([_tag, error, error_code])
      assert.deepStrictEqual(paid, ["verify"], username)
    }
    // one answer for all of them
    assert.deepStrictEqual(refusals, Array(6).fill(refusals[0]))

    for (const username of ["known@b.c", "disabled@b.c", "pending@b.c"]) {
      paid.length = 0
      yield* Effect.exit(logIn(username, "correct horse"))
      assert.deepStrictEqual(paid, ["verify"], username)
    }
  }).pipe(Effect.scoped)
)

it.live(
  "a login replaces an imported hash by one of our own, and later ones cost as much as others",
  () =>
    Effect.gen(function* () {
      const { hash, logIn: logInAs, store } = yield* start
      const bcrypt = Redacted.make("$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2")
      yield* store.createAccount("my-app", { id: "i", email: "ada@b.c", passwordHash: bcrypt, confirmed: true })
      const logIn = (password: string) => logInAs("ada@b.c", password)
      const stored = Effect.map(store.account("my-app", "ada@b.c"), (it) =>
        Redacted.value(Option.getOrThrow(it).passwordHash)
      )
      yield* Effect.flip(logIn("wrong horse"))
      assert.strictEqual(yield* stored, Redacted.value(bcrypt), "a wrong password changes nothing")
      paid.length = 0
      yield* logIn("correct horse")
      assert.deepStrictEqual(paid, ["verify", "hash"])
      assert.match(yield* stored, /^\$scrypt\$v=2\$/)
      paid.length = 0
      yield* logIn("correct horse")
      yield* Effect.flip(logIn("wrong horse"))
      assert.deepStrictEqual(paid, ["verify", "verify"])

      // logins at the same time all verify the imported hash, and one of them replaces it
      yield* store.updateAccount("my-app", { id: "i", email: "ada@b.c", passwordHash: bcrypt })
      yield* Effect.all([logIn("correct horse"), logIn("correct horse"), logIn("correct horse")], {
        concurrency: "unbounded"
      })
      const renewed = yield* stored
      yield* logIn("correct horse")
      assert.strictEqual(yield* stored, renewed)

      // a password that is changed while the old one is verified stays changed
      yield* store.updateAccount("my-app", { id: "i", email: "ada@b.c", passwordHash: bcrypt })
      const login = yield* Effect.forkChild(logIn("correct horse"), { startImmediately: true })
      const changed = yield* hash("another horse")
      yield* store.updateAccount("my-app", { id: "i", email: "ada@b.c", passwordHash: changed })
      yield* Fiber.await(login)
      assert.strictEqual(yield* stored, Redacted.value(changed))
    }).pipe(Effect.scoped),
  60_000
)

it.effect("a login fails if the password is changed while it is verified", () =>
  Effect.gen(function* () {
    const { hash, logIn: logInAs, store } = yield* start
    const account = { id: "ada", email: "ada@b.c" }
    yield* store.createAccount("my-app", { ...account, passwordHash: yield* hash("correct horse"), confirmed: true })
    const logIn = (password: string) => logInAs("ada@b.c", password)
    const changed = yield* hash("another one")
    meanwhile = store.updateAccount("my-app", { ...account, passwordHash: changed })
    const refusal = yield* Effect.flip(logIn("correct horse"))
    meanwhile = Effect.void
    assert.deepInclude(refusal, { _tag: "Unauthorized", error_code: "InvalidPassword" })
    assert.strictEqual((yield* logIn("another one")).user.identities[0].id, "ada")
  }).pipe(Effect.scoped)
)
