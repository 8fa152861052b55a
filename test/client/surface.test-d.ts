/** Every public effect and stream: its errors are the SDK's, it needs nothing, and nothing in it is `any`. */
import { Effect, Layer, Schema } from "effect"
import type { Config, Option, Scope, Stream } from "effect"
import type { HttpClient } from "effect/http"
import {
  type ApiKeysApi,
  AppServices,
  type AppServicesError,
  AuthApi,
  type EmailPasswordApi,
  FunctionContract,
  FunctionsApi,
  type FunctionStreams,
  type MongoCollection,
  type MongoDb,
  type ProfileApi,
  type PushApi,
  type PushClient,
  type Sessions,
  type TokenStore,
  type User,
  type UserApiKeys,
  type UserEvents
} from "effect-app-services"
import { NodeAppServices, type NodeAppServicesServer } from "effect-app-services/node"
import { App, AppServicesServer } from "effect-app-services/server"
import { Faults, LeakCheck, Mock, Recording, TestServer } from "effect-app-services/testing"
import { describe, expectTypeOf, it } from "vitest"

type IsAny<T> = 0 extends 1 & T ? true : false

/** What is wrong with the channels of an effect or a stream, where `Needs` is all that it may need. */
type Problem<A, E, R, Needs> =
  IsAny<A> extends true
    ? "its value is any"
    : IsAny<E> extends true
      ? "its error is any"
      : IsAny<R> extends true
        ? "its requirement is any"
        : [E] extends [AppServicesError]
          ? [R] extends [Needs]
            ? never
            : ["it needs", R]
          : ["it fails with", E]

type ProblemOf<Member, Needs> =
  Member extends Effect.Effect<infer A, infer E, infer R>
    ? Problem<A, E, R, Needs>
    : Member extends Stream.Stream<infer A, infer E, infer R>
      ? Problem<A, E, R, Needs>
      : Member extends (...args: infer _) => infer Result
        ? IsAny<Result> extends true
          ? "its result is any"
          : Result extends Effect.Effect<infer A, infer E, infer R>
            ? Problem<A, E, R, Needs>
            : Result extends Stream.Stream<infer A, infer E, infer R>
              ? Problem<A, E, R, Needs>
              : never
        : never

/** The members of a service that are not as they should be. */
type Problems<Service, Needs = never> = {
  [Name in keyof Service]: [ProblemOf<Service[Name], Needs>] extends [never]
    ? never
    : readonly [Name, ProblemOf<Service[Name], Needs>]
}[keyof Service]

describe("every member", () => {
  it("fails with the SDK's error, requires nothing, and is typed, on every service", () => {
    expectTypeOf<Problems<AuthApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<EmailPasswordApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<FunctionsApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<FunctionStreams["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<ApiKeysApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<ProfileApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<PushApi["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<MongoDb["Service"]>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<UserEvents["Service"], Scope.Scope>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<Sessions["Service"], Scope.Scope>>().toEqualTypeOf<never>()
  })

  it("fails with the SDK's error, requires nothing, and is typed, on users and their members", () => {
    expectTypeOf<Problems<Omit<User, "keepAlive" | "customDataAs">>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<UserApiKeys>>().toEqualTypeOf<never>()
    expectTypeOf<Problems<PushClient>>().toEqualTypeOf<never>()
    expectTypeOf<
      Problems<MongoCollection<{ readonly name: string }, { readonly name: string }>>
    >().toEqualTypeOf<never>()
  })

  it("the check finds what it looks for", () => {
    expectTypeOf<Problems<{ a: Effect.Effect<never, Error> }>>().toEqualTypeOf<
      readonly ["a", ["it fails with", Error]]
    >()
    expectTypeOf<Problems<{ a: () => Effect.Effect<1, never, "x"> }>>().toEqualTypeOf<
      readonly ["a", ["it needs", "x"]]
    >()
  })
})

const Shop = FunctionContract.make({
  sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite },
  find: { args: [Schema.String], returns: Schema.NullOr(Schema.Struct({ name: Schema.String })) }
})
const app = App.make({ id: "a" })
const options = { appId: "a", baseUrl: "http://a.test" }

describe("what layers leave open", () => {
  it("is nothing on Node and in tests", () => {
    type Sdk = AppServices.Services | TokenStore
    expectTypeOf(NodeAppServices.layer(options)).toEqualTypeOf<Layer.Layer<Sdk, AppServicesError>>()
    expectTypeOf(NodeAppServices.layerConfig(options)).toEqualTypeOf<
      Layer.Layer<Sdk, AppServicesError | Config.ConfigError>
    >()
    expectTypeOf(TestServer.layer(app)).toEqualTypeOf<
      Layer.Layer<Sdk | AppServicesServer.Services | TestServer.TestServer | HttpClient.HttpClient, AppServicesError>
    >()
    expectTypeOf(Mock.layer()).toEqualTypeOf<Layer.Layer<Sdk>>()
    expectTypeOf(Mock.service(AuthApi, {})).toEqualTypeOf<Layer.Layer<AuthApi>>()
    expectTypeOf(FunctionsApi.layerMock(Shop, {})).toEqualTypeOf<Layer.Layer<FunctionsApi>>()
    expectTypeOf(AppServicesServer.layerHttpClient(app)).toEqualTypeOf<
      Layer.Layer<HttpClient.HttpClient | AppServicesServer.Services>
    >()
    expectTypeOf<Layer.Services<ReturnType<typeof NodeAppServicesServer.layer>>>().toEqualTypeOf<never>()
  })

  it("is the transport, and the configuration's own error, elsewhere", () => {
    expectTypeOf(AppServices.layerConfig(options)).toEqualTypeOf<
      Layer.Layer<AppServices.Services | TokenStore, AppServicesError | Config.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(Faults.layer([])).toEqualTypeOf<Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
    expectTypeOf(Recording.layer({ version: 1, exchanges: [] })).toEqualTypeOf<Layer.Layer<HttpClient.HttpClient>>()
  })

  it("is the store where sessions outlive the process", () => {
    type Sdk = AppServices.Services
    expectTypeOf(NodeAppServices.layerNoDeps(options)).toEqualTypeOf<Layer.Layer<Sdk, AppServicesError, TokenStore>>()
    expectTypeOf(NodeAppServices.layerConfigNoDeps(options)).toEqualTypeOf<
      Layer.Layer<Sdk, AppServicesError | Config.ConfigError, TokenStore>
    >()
    expectTypeOf(AppServices.layerConfigNoDeps(options)).toEqualTypeOf<
      Layer.Layer<Sdk, AppServicesError | Config.ConfigError, TokenStore | HttpClient.HttpClient>
    >()
  })

  it("a mock passes on what its services need", () => {
    const services = Layer.effect(FunctionsApi, Effect.succeed(FunctionsApi.of({ call: () => Effect.succeed(1) })))
    expectTypeOf(Mock.layer({ services })).toEqualTypeOf<Layer.Layer<AppServices.Services | TokenStore>>()
  })
})

describe("the testing kit", () => {
  it("infers what runs within it", () => {
    expectTypeOf(LeakCheck.run(() => Effect.succeed(1))).toEqualTypeOf<Effect.Effect<number, LeakCheck.SecretLeaked>>()
    expectTypeOf(Recording.record(Effect.succeed(1))).toEqualTypeOf<
      Effect.Effect<readonly [number, Recording.Recording]>
    >()
  })

  it("refuses mocks that do not fit", () => {
    // @ts-expect-error the contract says number
    FunctionsApi.layerMock(Shop, { sum: () => Effect.succeed("3") })
    // @ts-expect-error no function of that name
    FunctionsApi.layerMock(Shop, { product: () => Effect.succeed(3) })
    // @ts-expect-error AuthApi.currentUser is not a string
    Mock.service(AuthApi, { currentUser: "ada" })
    // @ts-expect-error a user has an id
    Mock.user({})
    // @ts-expect-error no such state
    Mock.layer({ users: [{ id: "ada", state: "asleep" }] })
    // @ts-expect-error a rule needs a fault
    Faults.layer([{ on: "/login" }])
  })
})

describe("results", () => {
  it("types are as precise as the schema", () => {
    type Shopped = ReturnType<typeof shop>
    const shop = (user: User) => user.functionsOf(Shop)
    expectTypeOf<ReturnType<Shopped["find"]>>().toEqualTypeOf<
      Effect.Effect<{ readonly name: string } | null, AppServicesError>
    >()
    const findOne = (widgets: MongoCollection<{ readonly name: string }, { readonly name: string }>) =>
      widgets.findOne({ name: "nut" })
    expectTypeOf<ReturnType<typeof findOne>>().toEqualTypeOf<
      Effect.Effect<Option.Option<{ readonly name: string }>, AppServicesError>
    >()
  })
})
