import type { Effect, Layer, Option, Redacted, Scope, Stream } from "effect"
import { Schema as S } from "effect"
import type { HttpClient } from "effect/http"
import {
  AppServices,
  type AppServicesError,
  type AuthApi,
  Credentials,
  type CustomData,
  FunctionContract,
  FunctionsApi,
  type TokenStore,
  type User,
  type UserEvent,
  type UserState
} from "effect-app-services"
import { describe, expectTypeOf, it } from "vitest"

declare const user: User
declare const auth: AuthApi["Service"]

class OutOfStock extends S.TaggedError<OutOfStock>()("OutOfStock", { left: S.Int }) {}
const Shop = FunctionContract.make({
  sum: { args: [S.Finite, S.Finite], returns: S.Finite },
  order: { args: [S.Struct({ item: S.String })], returns: S.Struct({ at: S.Date }), errors: OutOfStock },
  greet: { args: [S.optionalKey(S.String)], returns: S.String }
})

describe("the user", () => {
  it("has requirements and errors exactly as documented", () => {
    expectTypeOf(auth.logIn(Credentials.anonymous())).toEqualTypeOf<Effect.Effect<User, AppServicesError>>()
    expectTypeOf(user.accessToken).toEqualTypeOf<Effect.Effect<Option.Option<Redacted.Redacted>, AppServicesError>>()
    expectTypeOf(user.customData).toEqualTypeOf<Effect.Effect<CustomData, AppServicesError>>()
    expectTypeOf(user.keepAlive).toEqualTypeOf<Effect.Effect<void, AppServicesError, Scope.Scope>>()
    expectTypeOf(user.states).toEqualTypeOf<Stream.Stream<UserState, AppServicesError>>()
    expectTypeOf(user.events).toEqualTypeOf<Stream.Stream<UserEvent>>()
    expectTypeOf(user.functions.anything).returns.toEqualTypeOf<Effect.Effect<unknown, AppServicesError>>()
  })

  it("infers custom data from a schema", () => {
    const Preferences = S.Struct({ theme: S.Literals(["dark", "light"]), since: S.Date })
    expectTypeOf(user.customDataAs(Preferences)).toEqualTypeOf<
      Effect.Effect<{ readonly theme: "dark" | "light"; readonly since: Date }, AppServicesError>
    >()
  })
})

describe("layers", () => {
  it("ask for the host, which has no default", () => {
    // @ts-expect-error baseUrl is missing
    AppServices.layer({ appId: "a" })
    // @ts-expect-error baseUrl is missing
    AppServices.layerConfig({ appId: "a" })
  })

  it("leave the transport, and nothing else, to the user", () => {
    expectTypeOf(AppServices.layer({ appId: "a", baseUrl: "http://a.test" })).toEqualTypeOf<
      Layer.Layer<AppServices.Services | TokenStore, AppServicesError, HttpClient.HttpClient>
    >()
    expectTypeOf(AppServices.layerNoDeps({ appId: "a", baseUrl: "http://a.test" })).toEqualTypeOf<
      Layer.Layer<AppServices.Services, AppServicesError, HttpClient.HttpClient | TokenStore>
    >()
  })
})

describe("typed functions", () => {
  const shop = user.functionsOf(Shop)

  it("infer arguments, results and declared failures", () => {
    expectTypeOf(shop.sum(1, 2)).toEqualTypeOf<Effect.Effect<number, AppServicesError>>()
    expectTypeOf(shop.order({ item: "tea" })).toEqualTypeOf<
      Effect.Effect<{ readonly at: Date }, AppServicesError | OutOfStock>
    >()
    expectTypeOf(shop.greet()).toEqualTypeOf<Effect.Effect<string, AppServicesError>>()
    expectTypeOf(shop.greet("Ada")).toEqualTypeOf<Effect.Effect<string, AppServicesError>>()
  })

  it("refuse what does not fit", () => {
    // @ts-expect-error a string is not a number
    expectTypeOf(shop.sum("1", 2)).not.toBeNever()
    // @ts-expect-error an argument is missing
    expectTypeOf(shop.sum(1)).not.toBeNever()
    // @ts-expect-error a number is not a name
    expectTypeOf(shop.greet(1)).not.toBeNever()
    // @ts-expect-error no such function
    shop.product(1, 2)
    // @ts-expect-error the result must be a number
    FunctionsApi.layerMock(Shop, { sum: () => Effect_succeed("3") })
  })
})

declare const Effect_succeed: <A>(value: A) => Effect.Effect<A>
