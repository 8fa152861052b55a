/**
 * What a server function knows about the call it serves, and how it fails.
 *
 * A function written in code asks for the `FunctionContext` service; a function of an exported application sees the
 * same things as its global `context`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { FunctionRequest, FunctionUser } from "../data/Caller.ts"
import type { Collection } from "../data/Collection.ts"

/**
 * Why a call has no result. `message` is what the client reads; `code` is its `error_code`.
 *
 * @category errors
 * @since 0.1.0
 */
export class FunctionError extends Schema.TaggedError<FunctionError>("effect-app-services/server/model/FunctionError")(
  "FunctionError",
  {
    code: Schema.Literals([
      "FunctionNotFound",
      "FunctionExecutionError",
      "FunctionSyntaxError",
      "ExecutionTimeLimitExceeded"
    ]),
    message: Schema.String
  }
) {}

export type {
  /**
   * The caller of a function: a user of the application, or the system where the server itself makes the call (an
   * authentication function, a user creation function).
   *
   * @category models
   * @since 0.1.0
   */
  FunctionUser,
  /**
   * The HTTP request behind a call.
   *
   * @category models
   * @since 0.1.0
   */
  FunctionRequest
} from "../data/Caller.ts"

/**
 * The user of calls that no application user made.
 *
 * @category constants
 * @since 0.1.0
 */
export const systemUser: FunctionUser = { id: "", type: "system", data: {}, customData: {}, identities: [] }

/**
 * The call a function serves.
 *
 * @example
 * ```ts
 * import { App, FunctionContext } from "effect-app-services/server"
 * import { Effect } from "effect"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: { anonymous: true },
 *   functions: {
 *     whoAmI: () => Effect.map(FunctionContext, ({ user }) => user.id)
 *   }
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class FunctionContext extends Context.Service<
  FunctionContext,
  {
    readonly appId: string
    readonly user: FunctionUser
    readonly request: FunctionRequest | undefined
    /** Calls another function of the application, private ones included. */
    readonly execute: (name: string, ...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
    /** A value of the application, `undefined` when there is none of that name. A secret arrives `Redacted`. */
    readonly value: (name: string) => unknown
    readonly environment: { readonly tag: string; readonly values: ReadonlyMap<string, unknown> }
    /** Whether rules do not hold for what the function does with the database. */
    readonly runningAsSystem: boolean
    /** A collection of the database, of the data source `"mongodb-atlas"` unless told otherwise. */
    readonly collection: (database: string, collection: string, service?: string) => Collection
  }
>()("effect-app-services/server/model/FunctionContext") {}
