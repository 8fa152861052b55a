/**
 * The contract of `TokenStore`: a suite of tests for a store of your own.
 *
 * It works with any test framework: pass the framework's `it` or `test` function.
 *
 * @example
 * ```ts
 * import { TokenStore } from "effect-app-services"
 * import { TokenStoreContract } from "effect-app-services/testing"
 * import { it } from "vitest"
 *
 * TokenStoreContract.suite("memory", TokenStore.layerMemory, it)
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { TokenStoreError } from "../client/TokenRecords.ts"
import { type Session, StoredUser, TokenStore } from "../client/TokenStore.ts"
import type { AppTokens } from "../client/TokenStore.ts"

/**
 * Registers a test with a framework: `it` or `test` of Vitest, Jest, Node, Bun or Deno.
 *
 * @category models
 * @since 0.1.0
 */
export type Register = (name: string, run: () => Promise<void>) => unknown

/**
 * A store violates the contract; the message says how.
 *
 * @category errors
 * @since 0.1.0
 */
export class ContractViolation extends Schema.TaggedError<ContractViolation>()("ContractViolation", {
  message: Schema.String
}) {}

/**
 * Registers the contract's tests for a store. Each test uses its own application id, so that a persistent store works too; no
 * other program may use the store meanwhile.
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = <E>(name: string, layer: Layer.Layer<TokenStore, E>, register: Register): void => {
  for (const [rule, check] of Object.entries(rules)) {
    register(`${name}: ${rule}`, () =>
      Effect.runPromise(
        Effect.gen(function* () {
          const store = yield* TokenStore
          const appId = `contract-${++serial}-${rule}`
          yield* check(store.forApp(appId), store)
        }).pipe(Effect.provide(layer, { local: true }))
      )
    )
  }
}

let serial = 0

type Check = (
  tokens: AppTokens,
  store: TokenStore["Service"]
) => Effect.Effect<void, TokenStoreError | ContractViolation>

const session = (n: number): Session => ({
  accessToken: Redacted.make(`access-${n}`),
  refreshToken: Redacted.make(`refresh-${n}`),
  receivedAt: n,
  expiresAt: n + 1_800_000
})

const user = (id: string, n = 1): StoredUser => ({
  id,
  providerType: "local-userpass",
  session: session(n),
  deviceId: "5f1d7f3e9c1b2a0012345678",
  profile: {
    type: "normal",
    identities: [{ id: "i", providerType: "local-userpass" }],
    data: { email: "zoë@example.com", extra: { list: [1, null] } }
  }
})

const plain = Schema.encodeSync(StoredUser)

const expectEqual = (what: string, actual: unknown, expected: unknown) =>
  Equal.equals(actual, expected)
    ? Effect.void
    : new ContractViolation({ message: `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}` })

const expectUser = (what: string, actual: Option.Option<StoredUser>, expected: Option.Option<StoredUser>) =>
  expectEqual(what, Option.getOrNull(Option.map(actual, plain)), Option.getOrNull(Option.map(expected, plain)))

const put = (tokens: AppTokens, user: StoredUser) => tokens.modify(user.id, () => [undefined, Option.some(user)])

const rules: Record<string, Check> = {
  "an unknown user is not found": (tokens) =>
    Effect.flatMap(tokens.get("unknown"), (user) => expectUser("get", user, Option.none())),

  "a stored user is found with all fields": Effect.fnUntraced(function* (tokens) {
    yield* put(tokens, user("a"))
    yield* expectUser("get", yield* tokens.get("a"), Option.some(user("a")))
  }),

  "a logged-out user is kept without tokens": Effect.fnUntraced(function* (tokens) {
    yield* put(tokens, user("a"))
    const { session: _, ...rest } = user("a")
    const loggedOut: StoredUser = { ...rest, ended: "SessionExpired" }
    yield* put(tokens, loggedOut)
    yield* expectUser("get", yield* tokens.get("a"), Option.some(loggedOut))
  }),

  "a change sees the present user and returns its result": Effect.fnUntraced(function* (tokens) {
    yield* put(tokens, user("a"))
    const seen = yield* tokens.modify("a", (present) => [present, Option.some(user("a", 2))])
    yield* expectUser("seen", seen, Option.some(user("a")))
    yield* expectUser("get", yield* tokens.get("a"), Option.some(user("a", 2)))
  }),

  "a change of an unknown user to none stores nothing": Effect.fnUntraced(function* (tokens) {
    yield* tokens.modify("a", (present) => [undefined, present])
    yield* expectEqual("ids", yield* tokens.userIds, [])
  }),

  "a removed user is gone": Effect.fnUntraced(function* (tokens) {
    yield* put(tokens, user("a"))
    yield* tokens.modify("a", () => [undefined, Option.none()])
    yield* expectUser("get", yield* tokens.get("a"), Option.none())
    yield* expectEqual("ids", yield* tokens.userIds, [])
  }),

  "users are listed, the most recent first": Effect.fnUntraced(function* (tokens) {
    for (const id of ["a", "b", "c"]) yield* put(tokens, user(id))
    yield* expectEqual("ids", yield* tokens.userIds, ["c", "b", "a"])
  }),

  "a change keeps the order, a promotion does not": Effect.fnUntraced(function* (tokens) {
    for (const id of ["a", "b", "c"]) yield* put(tokens, user(id))
    yield* put(tokens, user("a", 2))
    yield* expectEqual("after a change", yield* tokens.userIds, ["c", "b", "a"])
    yield* tokens.modify("a", (present) => [undefined, present], { promote: true })
    yield* expectEqual("after a promotion", yield* tokens.userIds, ["a", "c", "b"])
    yield* tokens.modify("b", () => [undefined, Option.none()])
    yield* put(tokens, user("b"))
    yield* expectEqual("after a return", yield* tokens.userIds, ["b", "a", "c"])
  }),

  "many changes of one user at the same time are all made": Effect.fnUntraced(function* (tokens) {
    yield* put(tokens, user("a", 0))
    const increment = tokens.modify("a", (present) => [
      undefined,
      Option.map(present, (user) => ({ ...user, session: session((user.session?.receivedAt ?? 0) + 1) }))
    ])
    yield* Effect.all(
      Array.from({ length: 50 }, () => increment),
      { concurrency: "unbounded", discard: true }
    )
    yield* expectUser("get", yield* tokens.get("a"), Option.some(user("a", 50)))
  }),

  "changes of one user do not affect others": Effect.fnUntraced(function* (tokens) {
    const ids = Array.from({ length: 50 }, (_, i) => `user-${i}`)
    yield* Effect.forEach(ids, (id, i) => put(tokens, user(id, i)), { concurrency: "unbounded", discard: true })
    for (const [i, id] of ids.entries()) yield* expectUser(id, yield* tokens.get(id), Option.some(user(id, i)))
    yield* expectEqual("ids", (yield* tokens.userIds).toSorted(), ids.toSorted())
  }),

  "any text can be a user id": Effect.fnUntraced(function* (tokens) {
    const ids = ["a/b", "..", "ü 🦊", 'a:b*?"<>|', "%2F", "__proto__", "user.a"]
    for (const id of ids) yield* put(tokens, user(id))
    for (const id of ids) yield* expectUser(id, yield* tokens.get(id), Option.some(user(id)))
    yield* expectEqual("ids", yield* tokens.userIds, ids.toReversed())
  }),

  "the device id is kept, and is not listed as a user": Effect.fnUntraced(function* (tokens) {
    yield* expectEqual("before", yield* tokens.deviceId, Option.none())
    yield* tokens.setDeviceId("5f1d7f3e9c1b2a0012345678")
    yield* tokens.setDeviceId("5f1d7f3e9c1b2a0012345679")
    yield* expectEqual("after", yield* tokens.deviceId, Option.some("5f1d7f3e9c1b2a0012345679"))
    yield* expectEqual("ids", yield* tokens.userIds, [])
  }),

  "applications do not see each other": Effect.fnUntraced(function* (tokens, store) {
    const other = store.forApp(`contract-${++serial}-other`)
    yield* put(tokens, user("a"))
    yield* put(other, user("b"))
    yield* tokens.setDeviceId("5f1d7f3e9c1b2a0012345678")
    yield* expectUser("get", yield* other.get("a"), Option.none())
    yield* expectEqual("ids", yield* other.userIds, ["b"])
    yield* expectEqual("device", yield* other.deviceId, Option.none())
  }),

  "two AppTokens of one application share their users": Effect.fnUntraced(function* (_, store) {
    const appId = `contract-${++serial}-views`
    yield* put(store.forApp(appId), user("a"))
    yield* expectUser("get", yield* store.forApp(appId).get("a"), Option.some(user("a")))
  })
}
