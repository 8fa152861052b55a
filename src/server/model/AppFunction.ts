/**
 * The functions of an application, as the server runs them.
 */
import type { Gate } from "../data/Rules.ts"

/**
 * A function written in code. It receives the caller's arguments, with BSON values as instances of their classes, and
 * returns an Effect, a Promise or a plain value. A failure reaches the caller as a `FunctionExecutionError`. A function
 * that returns a Stream or an async iterator is called as a stream. The code is trusted: it runs as the system by
 * default.
 *
 * @category models
 * @since 0.1.0
 */
export type Handler = (...args: ReadonlyArray<never>) => unknown

/**
 * What runs when a function is called.
 *
 * @category models
 * @since 0.1.0
 */
export type FunctionBody =
  | { readonly _tag: "Handler"; readonly handler: Handler }
  /** JavaScript of an exported application. */
  | { readonly _tag: "Source"; readonly text: string; readonly file: string }
  /** A source that is missing or does not parse: calls fail with the reason. */
  | { readonly _tag: "Broken"; readonly code: "FunctionSyntaxError" | "FunctionNotFound"; readonly message: string }

/**
 * The identity under which a function runs: its caller, the system, a fixed user, or the user whose id a script
 * returns.
 *
 * @category models
 * @since 0.1.0
 */
export type RunAs =
  | { readonly _tag: "Caller" | "System" }
  | { readonly _tag: "User"; readonly id: string }
  | { readonly _tag: "Chosen"; readonly body: FunctionBody }

/**
 * A function of an application with its settings, written in code or exported.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppFunction {
  readonly name: string
  /** Whether only other functions can call it. */
  readonly private: boolean
  /** Whether an unsupported setting guards the function, so that all calls are rejected. */
  readonly closed: boolean
  /** The rule that decides whether a caller may call it. Without one, every user may. */
  readonly gate: Gate | undefined
  readonly runAs: RunAs
  readonly body: FunctionBody
}
