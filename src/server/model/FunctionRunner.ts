/**
 * The port by which services below `functions` run an application's functions: the authentication function at a login, the
 * creation function for a new user. `FunctionRuntime` implements it.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { App, AppFunction } from "./App.ts"
import type { FunctionError, FunctionRequest, FunctionUser } from "./FunctionContext.ts"

/** One call, and its caller. */
export interface Caller {
  readonly app: App
  readonly user: FunctionUser
  readonly request: FunctionRequest | undefined
  /** Whether all functions called from it run as the system too, as the functions of rules do. */
  readonly asSystem?: boolean
}

/** The shape of {@link FunctionRunner}. */
export interface Service {
  /** Runs a function without checking whether the caller may call it. */
  readonly run: (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
}

/** Runs functions on the server's own behalf. */
export class FunctionRunner extends Context.Service<FunctionRunner, Service>()(
  "effect-app-services/server/model/FunctionRunner"
) {}
