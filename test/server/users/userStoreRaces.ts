import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Layer, Option, Result } from "effect"
import type { Service } from "../../../src/server/users/UserStore.ts"
import { account, emailToken, identity, key, session, user } from "./userStoreSuite.ts"

/** Two stores of the same users, such as those of two servers. */
export class Stores extends Context.Service<Stores, readonly [Service, Service]>()(
  "effect-app-services/test/server/users/userStoreRaces/Stores"
) {}

/** A time that does not come while a test runs: what has expired is removed. */
const later = 4e12

const rounds = Array.from({ length: 10 }, (_, i) => i)

/** The outcomes of what two stores do at the same time, in either order. */
const race = <A, B, E, F>(round: number, one: Effect.Effect<A, E>, other: Effect.Effect<B, F>) =>
  Effect.map(
    Effect.all(
      round % 2 === 0
        ? [Effect.result(one), Effect.result(other)]
        : [Effect.andThen(Effect.yieldNow, Effect.result(one)), Effect.result(other)],
      { concurrency: "unbounded" }
    ),
    ([one, other]) => [one, other] as const
  )

const successes = (outcomes: ReadonlyArray<Result.Result<unknown, unknown>>) => outcomes.filter(Result.isSuccess).length

/** What two stores of the same users keep to when they change them at the same time. */
export const races = (name: string, layer: Layer.Layer<Stores>) =>
  describe(`UserStore ${name}, used by two servers at the same time,`, () => {
    it.live("takes an address, an identity and the name of an API key once", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        yield* a.createUser("a", user("owner", identity("owner")))
        for (const i of rounds) {
          const email = `${i}@b.c`
          const [one, other] = [`one${i}`, `other${i}`]
          assert.strictEqual(
            successes(
              yield* race(
                i,
                a.createAccount("a", { ...account(one), email }),
                b.createAccount("a", { ...account(other), email })
              )
            ),
            1
          )
          assert.strictEqual(
            successes(
              yield* race(
                i,
                a.createUser("a", user(one, identity(email))),
                b.createUser("a", user(other, identity(email)))
              )
            ),
            1
          )
          assert.strictEqual(
            successes(
              yield* race(
                i,
                a.createApiKey("a", key(one, "owner", email)),
                b.createApiKey("a", key(other, "owner", email))
              )
            ),
            1
          )
        }
        assert.strictEqual((yield* b.accounts("a")).length, rounds.length)
        assert.strictEqual((yield* a.users("a")).length, rounds.length + 1)
        assert.strictEqual((yield* a.apiKeys("a", "owner")).length, rounds.length)
      }).pipe(Effect.provide(layer))
    )

    it.live("links an identity to one user, and one of e-mail and password to each", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        for (const i of rounds) {
          const [one, other] = [`one${i}`, `other${i}`]
          yield* a.createUser("a", user(one, identity(one)))
          yield* b.createUser("a", user(other, identity(other)))
          const same = identity(`same${i}`)
          assert.strictEqual(
            successes(yield* race(i, a.addIdentity("a", one, same), b.addIdentity("a", other, same))),
            1
          )
          const [first, second] = [identity(`first${i}`, "1@b.c"), identity(`second${i}`, "2@b.c")]
          assert.strictEqual(
            successes(yield* race(i, a.addIdentity("a", one, first), b.addIdentity("a", one, second))),
            1
          )
        }
      }).pipe(Effect.provide(layer))
    )

    it.live("gives out a token of an e-mail once", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        for (const i of rounds) {
          const token = { ...emailToken(`t${i}`, "i1"), expiresAt: later }
          yield* a.createEmailToken("a", token)
          const taken = yield* race(i, a.takeEmailToken("a", token), b.takeEmailToken("a", token))
          assert.strictEqual(taken.filter((it) => Option.isSome(Result.getOrThrow(it))).length, 1)
        }
        // of two that replace the last one, one stays
        for (const i of rounds) {
          yield* race(
            i,
            a.createEmailToken("a", { ...emailToken(`one${i}`, "i2"), expiresAt: later }),
            b.createEmailToken("a", { ...emailToken(`other${i}`, "i2"), expiresAt: later })
          )
        }
        const left = yield* Effect.forEach(["one", "other"], (who) =>
          Effect.forEach(rounds, (i) => a.takeEmailToken("a", emailToken(`${who}${i}`, "i2")))
        )
        assert.strictEqual(left.flat().filter(Option.isSome).length, 1)
      }).pipe(Effect.provide(layer))
    )

    it.live("keeps no session that began while its user was disabled, deleted or logged out everywhere", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        const ends = {
          disabled: (id: string) => b.setUserDisabled("a", id, true),
          deleted: (id: string) => b.deleteUser("a", id),
          "logged out": (id: string) => b.deleteSessions("a", id)
        }
        for (const i of rounds) {
          for (const [how, end] of Object.entries(ends)) {
            const id = `${how} ${i}`
            yield* a.createUser("a", user(id, identity(id)))
            yield* race(i, a.createSession("a", session(`s ${id}`, id, later)), end(id))
            const left = yield* Effect.all([a.session("a", `s ${id}`), b.session("a", `s ${id}`)])
            assert.isTrue(left.every(Option.isNone), id)
            yield* a.setUserDisabled("a", id, false)
            assert.deepStrictEqual(yield* a.sessions("a", id), [], id)
          }
        }
      }).pipe(Effect.provide(layer))
    )

    it.live("keeps no session that began while its API key was disabled or deleted", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        yield* a.createUser("a", user("u1", identity("i1")))
        for (const i of rounds) {
          for (const how of ["disabled", "deleted"]) {
            const id = `${how} ${i}`
            yield* a.createApiKey("a", key(id, "u1", id))
            const ofKey = {
              ...session(`s ${id}`, "u1", later),
              identity: { ...identity(id), providerType: "api-key" as const }
            }
            yield* race(
              i,
              a.createSession("a", ofKey),
              how === "disabled" ? b.setApiKeyDisabled("a", id, true) : b.deleteApiKey("a", id)
            )
            yield* b.setApiKeyDisabled("a", id, false)
            assert.isTrue(Option.isNone(yield* a.session("a", `s ${id}`)), id)
          }
        }
      }).pipe(Effect.provide(layer))
    )

    it.live("creates no second user for an account whose user is deleted", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        for (const i of rounds) {
          const id = `i${i}`
          yield* a.createAccount("a", account(id))
          yield* a.createUser("a", user(`u${i}`, identity(id, `${id}@b.c`)))
          const [created] = yield* race(
            i,
            a.createUser("a", user(`v${i}`, identity(id, `${id}@b.c`))),
            b.deleteUser("a", `u${i}`)
          )
          assert.isTrue(Result.isFailure(created))
        }
        assert.deepStrictEqual(yield* a.records("a"), [])
      }).pipe(Effect.provide(layer))
    )

    it.live("deletes an account without a user, or creates its user", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        for (const i of rounds) {
          const id = `i${i}`
          yield* a.createAccount("a", account(id))
          const [created] = yield* race(
            i,
            a.createUser("a", user(`u${i}`, identity(id, `${id}@b.c`))),
            b.deleteAccount("a", `${id}@b.c`)
          )
          assert.strictEqual(Option.isSome(yield* b.account("a", `${id}@b.c`)), Result.isSuccess(created))
        }
      }).pipe(Effect.provide(layer))
    )

    it.live("imports the same users once", () =>
      Effect.gen(function* () {
        const [a, b] = yield* Stores
        for (const i of rounds) {
          const records = [`${i}x`, `${i}y`].map((id) => ({
            user: user(id, identity(id, `${id}@b.c`)),
            account: account(id),
            apiKeys: [key(id, id, "ci")],
            pushRegistrations: []
          }))
          const [one, other] = yield* race(i, a.addRecords("a", records), b.addRecords("a", records))
          assert.strictEqual(successes([one, other]), 1)
          assert.strictEqual((yield* a.records("a")).length, 2 * (i + 1))
        }
      }).pipe(Effect.provide(layer))
    )
  })
