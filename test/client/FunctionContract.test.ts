import { assert, describe, it } from "@effect/vitest"
import { Long, ObjectId } from "bson"
import { Effect, Exit, Fiber, Layer, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Bson, FunctionContract, FunctionsApi } from "effect-app-services"
import { App, FunctionContext } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { type Answer, host } from "../support/scripted.ts"
import { failure, logIn, sdk } from "../support/sdk.ts"

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String, left: Schema.Int }) {}

const Order = Schema.Struct({
  _id: Bson.ObjectId,
  at: Schema.Date,
  total: Bson.Long,
  note: Schema.optionalKey(Schema.String)
})
const Shop = FunctionContract.make({
  sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite },
  order: {
    args: [Schema.Struct({ item: Schema.String, count: Schema.Int, since: Schema.DateTimeUtcFromString })],
    returns: Order,
    errors: OutOfStock
  },
  whoAmI: { args: [], returns: Schema.String },
  nothing: { args: [], returns: Schema.Void },
  greet: { args: [Schema.optionalKey(Schema.String)], returns: Schema.String }
})

const id = new ObjectId("5f1d7f3e9c1b2a0012345678")
const since = Schema.decodeSync(Schema.DateTimeUtcFromString)("2026-01-02T03:04:05.000Z")
const handlers = Shop.handlers({
  sum: (a, b) => Effect.succeed(a + b),
  order: ({ count, item, since }) =>
    count > 3
      ? Effect.fail(new OutOfStock({ item, left: 3 }))
      : Effect.succeed({ _id: id, at: new Date(since.epochMilliseconds), total: Long.fromString("9007199254740993") }),
  whoAmI: () => Effect.map(FunctionContext, ({ user }) => user.id),
  nothing: () => Effect.void,
  greet: (name = "you") => Effect.succeed(`hello ${name}`)
})
const app = App.make({ id: "my-app", providers: { anonymous: true }, functions: handlers })

describe("one contract, typed at both ends", () => {
  it.effect("arguments and results are what the schemas say, through transformations and BSON", () =>
    Effect.gen(function* () {
      const user = yield* logIn
      const shop = user.functionsOf(Shop)
      assert.strictEqual(yield* shop.sum(1, 2), 3)
      const order = yield* shop.order({ item: "tea", count: 2, since })
      assert.strictEqual(order.total.toString(), "9007199254740993")
      assert.strictEqual(order.at.toISOString(), "2026-01-02T03:04:05.000Z")
      assert.isTrue(order._id.equals(id))
      assert.strictEqual(yield* shop.whoAmI(), user.id)
      assert.isUndefined(yield* shop.nothing())
      assert.deepStrictEqual([yield* shop.greet(), yield* shop.greet("Ada")], ["hello you", "hello Ada"])
    }).pipe(Effect.provide(TestServer.layer(app)))
  )

  it.effect("a declared failure is a failure of the method", () =>
    Effect.gen(function* () {
      const shop = (yield* logIn).functionsOf(Shop)
      const left = yield* shop
        .order({ item: "tea", count: 9, since })
        .pipe(Effect.catchTag("OutOfStock", ({ item, left }) => Effect.succeed(`${left} ${item} left`)))
      assert.strictEqual(left, "3 tea left")
    }).pipe(Effect.provide(TestServer.layer(app)))
  )

  const stock = { _tag: "OutOfStock", item: "tea", left: 3 } as const
  const thrown: ReadonlyArray<readonly [form: string, value: unknown]> = [
    ["an object", stock],
    ["JSON text", JSON.stringify(stock)],
    ["an Error whose message is JSON text", new Error(JSON.stringify(stock))]
  ]
  it.effect.each(thrown)("a plain function declares a failure by throwing %s", ([, value]) => {
    const throwing = App.make({
      id: "my-app",
      providers: { anonymous: true },
      functions: {
        order: async (): Promise<never> => {
          throw value
        }
      }
    })
    return Effect.gen(function* () {
      const shop = (yield* logIn).functionsOf(Shop)
      const error = yield* Effect.flip(shop.order({ item: "tea", count: 9, since }))
      assert.deepStrictEqual(error, new OutOfStock({ item: "tea", left: 3 }))
    }).pipe(Effect.provide(TestServer.layer(throwing)))
  })

  it.effect("a server does not run a function with arguments that do not fit", () =>
    Effect.gen(function* () {
      const error = yield* failure((yield* logIn).functions.sum("1", 2))
      assert.strictEqual(error.reason._tag, "FunctionFailed")
      assert.include(error.message, "sum: arguments:")
    }).pipe(Effect.provide(TestServer.layer(app)))
  )

  it.effect("a result that does not fit names the place", () => {
    const { layer } = host((request) => (request.path.endsWith("/call") ? { body: '"three"' } : undefined))
    return Effect.gen(function* () {
      const error = yield* Effect.flip((yield* logIn).functionsOf(Shop).sum(1, 2))
      assert.strictEqual(error.reason._tag, "UnexpectedValue")
      assert.include(error.message, "sum: result:")
      assert.notInclude(error.message, "three")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("passes on a failure that is not declared", () => {
    const answer: Answer = { status: 400, body: { error: '{"_tag":"Other"}', error_code: "FunctionExecutionError" } }
    const { layer } = host((request) => (request.path.endsWith("/call") ? answer : undefined))
    return Effect.gen(function* () {
      const error = yield* Effect.flip((yield* logIn).functionsOf(Shop).order({ item: "tea", count: 1, since }))
      assert.strictEqual(error._tag === "AppServicesError" && error.reason._tag, "FunctionFailed")
    }).pipe(Effect.provide(sdk(layer)))
  })
})

describe("a mock", () => {
  /** The SDK with its functions replaced; `fresh`, since the layer of `AuthApi` is built once otherwise. */
  const Mocked = (mock: Layer.Layer<FunctionsApi>) =>
    Layer.fresh(AuthApi.layer).pipe(Layer.provide(mock), Layer.provideMerge(sdk(host().layer)))

  it.effect("answers with the contract's types, through the user's handle", () =>
    Effect.gen(function* () {
      const shop = (yield* logIn).functionsOf(Shop)
      assert.strictEqual(yield* shop.sum(1, 2), 3)
      const refused = yield* Effect.flip(shop.order({ item: "tea", count: 9, since }))
      assert.deepStrictEqual(refused, new OutOfStock({ item: "tea", left: 0 }))
    }).pipe(
      Effect.provide(
        Mocked(
          FunctionsApi.layerMock(Shop, {
            sum: (a: number, b: number) => Effect.succeed(a + b),
            order: ({ item }) => Effect.fail(new OutOfStock({ item, left: 0 }))
          })
        )
      )
    )
  )

  it.effect("says what to add when something else is called", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit((yield* logIn).functionsOf(Shop).whoAmI())
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(exit), '"whoAmI" was called; add it to the mock')
    }).pipe(Effect.provide(Mocked(FunctionsApi.layerMock(Shop, {}))))
  )
})

describe("options of a call", () => {
  const isCall = (path: string) => path.endsWith("/functions/call")

  it.effect("a service is named on the wire", () => {
    const { layer, seen } = host()
    return Effect.gen(function* () {
      const user = yield* logIn
      yield* user.functionsWith({ service: "http" }).get({ url: "http://example.com" })
      assert.deepStrictEqual(JSON.parse(seen.at(-1)?.body ?? ""), {
        name: "get",
        arguments: [{ url: "http://example.com" }],
        service: "http"
      })
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("a timeout of its own aborts the call", () => {
    const { layer } = host((request) => (isCall(request.path) ? "hangs" : undefined))
    return Effect.gen(function* () {
      const user = yield* logIn
      const call = yield* Effect.forkChild(failure(user.functionsWith({ timeout: "2 seconds" }).slow()))
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(call)
      assert.strictEqual(error.reason._tag, "RequestTimeout")
    }).pipe(Effect.provide(sdk(layer)))
  })

  it.effect("retries happen where they are asked for, and only for what may pass", () => {
    let failures = 2
    const { layer, seen } = host((request) =>
      isCall(request.path)
        ? request.body.includes("broken")
          ? { status: 400, body: { error: "boom", error_code: "FunctionExecutionError" } }
          : failures-- > 0
            ? { status: 503, body: { error: "later" } }
            : undefined
        : undefined
    )
    const calls = () => seen.filter(({ path }) => isCall(path)).length
    return Effect.gen(function* () {
      const functions = (yield* logIn).functionsWith({ retry: Schedule.recurs(3) })
      assert.strictEqual(yield* functions.sum(1, 2), 42)
      assert.strictEqual(calls(), 3)
      yield* failure(functions.broken())
      assert.strictEqual(calls(), 4)
    }).pipe(Effect.provide(sdk(layer)))
  })
})
