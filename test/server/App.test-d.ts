/** What an application in code may be made of: users' compilers infer it without annotations, and refuse what does not fit. */
import { Clock, Context, Effect, Stream } from "effect"
import { App, FunctionContext } from "effect-app-services/server"
import { describe, expectTypeOf, it } from "vitest"

class Stock extends Context.Service<Stock, { readonly left: Effect.Effect<number> }>()(
  "effect-app-services/test/server/App.test-d/Stock"
) {}

describe("functions of an application", () => {
  it("answer with values, promises, effects and streams", () => {
    const app = App.make({
      id: "a",
      functions: {
        plain: (a: number, b: number) => a + b,
        promised: async (text: string) => text,
        effect: (a: number, b: number) => Effect.succeed(a + b),
        failing: () => Effect.fail("no"),
        throwing: () => {
          throw new Error("no")
        },
        now: () => Clock.currentTimeMillis,
        generated: function* () {
          yield 1
        },
        streamed: (n: number) => Stream.range(1, n),
        asCaller: FunctionContext.use(({ user }) => Effect.succeed(user.id)).pipe((whoAmI) => () => whoAmI),
        whoAmI: () => FunctionContext.use(({ user }) => Effect.succeed(user.id)),
        inGen: () =>
          Effect.gen(function* () {
            const { collection, user } = yield* FunctionContext
            yield* collection("app", "notes").insert([{ owner: user.id }])
          }),
        hidden: { private: true, handler: (what: string) => Effect.log(what) },
        addNote: {
          runAs: "caller",
          handler: (text: string) =>
            FunctionContext.use(({ collection, user }) => collection("app", "notes").insert([{ owner: user.id, text }]))
        }
      }
    })
    expectTypeOf(app).toEqualTypeOf<App.App>()
    expectTypeOf(App.make({ id: "a" })).toEqualTypeOf<App.App>()
    expectTypeOf(App.make({ id: "a", functions: undefined, providers: undefined })).toEqualTypeOf<App.App>()
  })

  it("accepts functions that were made elsewhere", () => {
    const handlers: Record<string, App.Handler | App.HandlerOptions> = { sum: (a: number, b: number) => a + b }
    expectTypeOf(App.make({ id: "a", functions: handlers })).toEqualTypeOf<App.App>()
  })

  it("rejects functions that require more than FunctionContext", () => {
    App.make({
      id: "a",
      functions: {
        fine: () => 1,
        // @ts-expect-error Stock is not provided
        left: () => Stock.use(({ left }) => left)
      }
    })
    App.make({
      id: "a",
      functions: {
        // @ts-expect-error Stock is not provided
        both: () => Effect.andThen(FunctionContext, Stock)
      }
    })
    App.make({
      id: "a",
      functions: {
        left: {
          private: true,
          // @ts-expect-error Stock is not provided
          handler: () => Stock.use(({ left }) => left)
        }
      }
    })
    App.make({
      id: "a",
      functions: {
        // @ts-expect-error Stock is not provided
        every: () => Stream.fromEffect(Stock)
      }
    })
  })

  it("rejects unknown settings", () => {
    // @ts-expect-error a function, or its settings
    App.make({ id: "a", functions: { sum: 42 } })
    // @ts-expect-error no such setting
    App.make({ id: "a", functions: { sum: { handler: () => 1, runAs: "god" } } })
    // @ts-expect-error it needs a handler
    App.make({ id: "a", functions: { sum: { private: true } } })
    // @ts-expect-error no such provider
    App.make({ id: "a", providers: { facebook: true } })
    // @ts-expect-error an application has an id
    App.make({})
  })
})
