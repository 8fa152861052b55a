/**
 * Calls an application's functions as one of its users.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Ejson from "../protocol/Ejson.ts"
import { path, routes } from "../protocol/Routes.ts"
import { AppServicesError, InvalidArguments, InvalidResponse } from "./AppServicesError.ts"
import { describeBody } from "./internal/answers.ts"
import type { Operation } from "./Operation.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * An application's functions as methods: `user.functions.sum(1, 2)`.
 *
 * Any property name is a function of the application, except `then`, `toJSON` and the members every object has; those are
 * reached by `callFunction`. A method stays bound to its user when it is taken off.
 *
 * @category models
 * @since 0.1.0
 */
export interface Functions {
  readonly [name: string]: (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AppServicesError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class FunctionsApi extends Context.Service<
  FunctionsApi,
  {
    /**
     * Calls a function. Arguments and result travel as Extended JSON, so BSON values, dates and 64-bit integers arrive as
     * what they were; the arguments are left untouched.
     *
     * A call is sent once: it is repeated only after a refusal for a stale token, which means that it was not carried out.
     */
    call(userId: string, name: string, args: ReadonlyArray<unknown>): Effect.Effect<unknown, AppServicesError>
  }
>()("effect-app-services/client/FunctionsApi") {
  static readonly layer: Layer.Layer<FunctionsApi, never, ProtocolClient | Sessions> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient
      const sessions = yield* Sessions
      const url = path(routes.callFunction, { appId: client.appId })
      return {
        call: Effect.fn("FunctionsApi.call")(function* (userId, name, args) {
          yield* Effect.annotateCurrentSpan("app_services.function", name)
          const operation: Operation = { name: `FunctionsApi.call(${name})`, kind: "function", subject: name }
          const fail = (reason: InvalidArguments | InvalidResponse) =>
            new AppServicesError({ operation: operation.name, reason })
          const body = Ejson.stringify({ name, arguments: args })
          if (Result.isFailure(body)) return yield* fail(new InvalidArguments({ problem: body.failure.message }))
          const request = { operation, method: "POST", path: url, body: Redacted.make(body.success) } as const
          const answer = yield* sessions.authorized(operation.name, userId, (token) =>
            client.execute({ ...request, token })
          )
          const result = Ejson.parse(answer)
          if (Result.isSuccess(result)) return result.success
          const problem =
            result.failure.message === "the text is not JSON" ? describeBody(answer) : result.failure.message
          return yield* fail(new InvalidResponse({ status: 200, problem }))
        })
      }
    })
  )
}

/**
 * The functions of an application as methods that go through `call`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const functions = (
  call: (name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, AppServicesError>
): Functions =>
  new Proxy<Functions>(Object.create(null), {
    get: (_, name) => {
      if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined
      if (name in Object.prototype) return Reflect.get(Object.prototype, name)
      return (...args: ReadonlyArray<unknown>) => call(name, args)
    }
  })
