/**
 * The context of a function call, and its failure.
 *
 * A function written in code uses the service `FunctionContext`; a function of an exported application has the same as
 * its global `context`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { FunctionRequest, FunctionUser } from "../data/Caller.ts"
import type { Collection } from "../data/Collection.ts"

/**
 * The failure of a call. `message` is sent to the client, `code` as its `error_code`.
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
    message: Schema.String,
    /** Whether the function did not end by itself: its process ended, or could not be started. */
    stopped: Schema.optionalKey(Schema.Boolean),
    /** Whether it failed because the database could not be reached: the same call may succeed later. */
    unavailable: Schema.optionalKey(Schema.Boolean)
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
 * The caller of functions that the server itself calls.
 *
 * @category constants
 * @since 0.1.0
 */
export const systemUser: FunctionUser = { id: "", type: "system", data: {}, customData: {}, identities: [] }

/**
 * The shape of {@link FunctionContext}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The id of the application. */
  readonly appId: string
  /** The caller. */
  readonly user: FunctionUser
  /** The HTTP request behind the call; `undefined` if the server itself calls. */
  readonly request: FunctionRequest | undefined
  /** Calls another function of the application under the same caller, also a private one. */
  readonly execute: (name: string, ...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
  /** A value of the application, `undefined` if the name is unknown. A secret is `Redacted`. */
  readonly value: (name: string) => unknown
  /** The application's environment: its tag, and values that depend on it. */
  readonly environment: { readonly tag: string; readonly values: ReadonlyMap<string, unknown> }
  /** Whether the function uses the database as the system, without rules. */
  readonly runningAsSystem: boolean
  /** A collection of the database. The default data source is `"mongodb-atlas"`. */
  readonly collection: (database: string, collection: string, service?: string) => Collection
}

/**
 * The call that a function serves. The server provides it to every function written in code.
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
export class FunctionContext extends Context.Service<FunctionContext, Service>()(
  "effect-app-services/server/model/FunctionContext"
) {}
