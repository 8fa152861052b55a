/**
 * Calls an application's functions as one of its users.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import * as Ejson from "../protocol/Ejson.ts"
import * as FunctionContract from "../protocol/FunctionContract.ts"
import { routes } from "../protocol/internal/routes.ts"
import { AppServicesError, FunctionFailed, InvalidArguments, UnexpectedValue } from "./AppServicesError.ts"
import * as Requests from "./internal/requests.ts"
import * as Telemetry from "./internal/telemetry.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * An application's functions as methods: `user.functions.sum(1, 2)`.
 *
 * Any property name is a function of the application, except `then`, `toJSON` and the members of every object; use
 * `callFunction` for those. A method stays bound to its user when it is assigned to a variable. See `FunctionsApi` for how a
 * call fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface Functions {
  readonly [name: string]: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AppServicesError>
}

/**
 * How one call is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallOptions {
  /**
   * Calls an operation of this service of the application, such as `http`, instead of a function.
   *
   * @default a function is called
   */
  readonly service?: string | undefined
  /**
   * How long one attempt may take.
   *
   * @default `timeout` of the options of `AppServices.layer`
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * When to repeat a call that failed with a `retryable` error. The call may have been carried out: set this only for
   * functions that are idempotent.
   *
   * @default never
   */
  readonly retry?: Schedule.Schedule<unknown, AppServicesError> | undefined
}

/**
 * The functions of a contract, typed: a method fails with the declared errors of its function, or with `AppServicesError`.
 *
 * @see `FunctionContract.make`
 *
 * @category models
 * @since 0.1.0
 */
export type TypedFunctions<Definitions extends Record<string, FunctionContract.Definition>> = {
  readonly [Name in keyof Definitions]: (
    ...args: FunctionContract.Args<Definitions[Name]>
  ) => Effect.Effect<
    FunctionContract.Returns<Definitions[Name]>,
    AppServicesError | FunctionContract.Errors<Definitions[Name]>
  >
}

type Call = (name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AppServicesError>

/**
 * The shape of {@link FunctionsApi}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * Calls a function as a user. Arguments and result travel as Extended JSON, so BSON values, dates and 64-bit integers
   * arrive as what they were; the arguments are left untouched.
   *
   * A call is sent once: it is sent again only after a refusal for a stale token, which means that it was not carried out,
   * or where `options.retry` asks for it. Interrupting the effect aborts the request.
   *
   * Fails with `FunctionFailed` if the function throws, `FunctionNotFound` if the application has no function with this name,
   * `InvalidArguments` if an argument has no Extended JSON form, `NotLoggedIn` or `SessionExpired` without a session, and
   * `TransportError` or `RequestTimeout` if there was no answer: the function may have run then.
   */
  readonly call: (
    userId: string,
    name: string,
    args: ReadonlyArray<unknown>,
    options?: CallOptions
  ) => Effect.Effect<unknown, AppServicesError>
}

/**
 * Calls an application's functions as any of its users. `user.functions`, `user.functionsOf` and `user.callFunction` are
 * the same, bound to one user.
 *
 * @see `FunctionStreams` for functions that answer with a stream, `FunctionContract.make` for typed functions
 *
 * @category services
 * @since 0.1.0
 */
export class FunctionsApi extends Context.Service<FunctionsApi, Service>()("effect-app-services/client/FunctionsApi") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions> = Effect.gen(function* () {
    const client = yield* ProtocolClient
    const { asUser } = Requests.make(client, yield* Sessions)
    return {
      call: (userId, name, args, { retry, service, timeout } = {}) =>
        // `Effect.fn` would record a stack trace at each call, for a quarter of the cost of a bare request
        Telemetry.observed("FunctionsApi.call", { "app_services.function": name })(
          asUser(userId, {
            operation: { name: `FunctionsApi.call(${name})`, kind: "function", subject: name },
            method: "POST",
            route: routes.callFunction,
            parameters: { appId: client.appId },
            body: { name, arguments: args, service },
            timeout,
            retry,
            decode: Requests.decodeEjson
          })
        )
    }
  })

  /** The service over the wire client and the sessions. */
  static readonly layer: Layer.Layer<FunctionsApi, never, ProtocolClient | Sessions> = Layer.effect(this, this.make)

  /**
   * Mocks the functions of an application in a test. A call of a function without an implementation dies with a message that
   * names it. Arguments and results go through the contract's schemas, as over the wire. Sessions are not checked:
   * `Mock.layer` of `effect-app-services/testing` does that.
   *
   * @example
   * ```ts
   * import { FunctionContract, FunctionsApi } from "effect-app-services"
   * import { Effect, Schema } from "effect"
   *
   * const Shop = FunctionContract.make({
   *   sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite },
   *   rename: { args: [Schema.String], returns: Schema.Boolean }
   * })
   * const Mocked = FunctionsApi.layerMock(Shop, { sum: (a, b) => Effect.succeed(a + b) })
   * ```
   */
  static readonly layerMock = <Definitions extends Record<string, FunctionContract.Definition>>(
    contract: FunctionContract.FunctionContract<Definitions>,
    implementation: Partial<FunctionContract.Implementation<Definitions, never>>
  ): Layer.Layer<FunctionsApi> =>
    Layer.succeed(this, {
      call: (_, name, args) => {
        const codec = contract.codecs[name]
        if (codec === undefined || !Object.hasOwn(implementation, name)) {
          return Effect.die(new Error(`FunctionsApi.layerMock: "${name}" was called; add it to the mock`))
        }
        const served = codec.serve(args, FunctionContract.erase(implementation, name))
        return Effect.mapError(served, (error) => failureOf(name, error))
      }
    })
}

/** The failure of a mock, as if a server had answered it. */
const failureOf = (name: string, error: unknown): AppServicesError => {
  const thrown = error instanceof FunctionContract.DeclaredFailure ? error.json : undefined
  return new AppServicesError({
    operation: `FunctionsApi.call(${name})`,
    reason: new FunctionFailed({
      name,
      status: 400,
      code: "FunctionExecutionError",
      serverMessage: String(error),
      ...(thrown !== undefined && { thrown })
    })
  })
}

/**
 * Makes functions as methods of anything that can call a function by name.
 *
 * @category constructors
 * @since 0.1.0
 */
export const functions = (call: Call): Functions =>
  new Proxy<Functions>(Object.create(null), {
    get: (_, name) => {
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined
      if (name in Object.prototype) return Reflect.get(Object.prototype, name)
      return (...args: ReadonlyArray<unknown>) => call(name, args)
    }
  })

/**
 * Makes the typed functions of a contract from anything that can call a function by name: arguments are encoded and results
 * decoded by the contract's schemas, and declared failures become failures of the method.
 *
 * @category constructors
 * @since 0.1.0
 */
export const typedFunctions = <Definitions extends Record<string, FunctionContract.Definition>>(
  contract: FunctionContract.FunctionContract<Definitions>,
  call: Call
): TypedFunctions<Definitions> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the codec decodes just these results and failures
  Record.map(contract.codecs, (codec, name) =>
    Effect.fnUntraced(function* (...args: ReadonlyArray<unknown>) {
      const operation = `FunctionsApi.call(${name})`
      const fail = (reason: InvalidArguments | UnexpectedValue) => new AppServicesError({ operation, reason })
      const encoded = yield* Effect.mapError(codec.encodeArgs(args), ({ message }) =>
        fail(new InvalidArguments({ problem: message }))
      )
      // @effect-diagnostics-next-line anyUnknownInErrorContext:off -- TypedFunctions says which errors a function declares
      const result = yield* Effect.mapError(call(name, encoded), (error) => {
        const text =
          error.reason._tag === "FunctionFailed" ? (error.reason.thrown ?? error.reason.serverMessage) : undefined
        return Option.getOrElse(text === undefined ? Option.none() : codec.decodeError(text), () => error)
      })
      const decoded = codec.decodeResult(result).pipe(
        // some hosts answer with the text of the result, as a string
        Effect.catch((error) => {
          const inner = typeof result === "string" ? Ejson.parse(result) : undefined
          return inner !== undefined && Result.isSuccess(inner) ? codec.decodeResult(inner.success) : Effect.fail(error)
        })
      )
      return yield* Effect.mapError(decoded, ({ message }) => fail(new UnexpectedValue({ problem: message })))
    })
  ) as TypedFunctions<Definitions>
