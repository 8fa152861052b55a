/**
 * Authorization of functions: who may call one, its identity, and its access to the database.
 *
 * A function runs as the user who calls it, under the rules of the collections, unless it is configured to run as the
 * system or as another user. Functions that the server calls run as the system.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AppFunction } from "../model/App.ts"
import { bounded, type Database, DatabaseError, type Namespace } from "../data/Database.ts"
import { copy } from "../data/internal/bson.ts"
import { forbiddenCode } from "../data/DatabaseError.ts"
import type { Gate, Given } from "../data/Rules.ts"
import * as PlainNumbers from "../data/PlainNumbers.ts"
import * as UserDatabase from "../data/UserDatabase.ts"
import type { UserStore } from "../users/UserStore.ts"
import * as UserData from "../users/UserData.ts"
import { FunctionError, systemUser } from "../model/FunctionContext.ts"
import type { Caller } from "../model/FunctionRunner.ts"

export type {
  /** One call, and its caller. */
  Caller
} from "../model/FunctionRunner.ts"

/**
 * The identity under which a function runs: `caller.user` is its `context.user`, and the caller of functions that it calls.
 */
export interface Actor {
  readonly caller: Caller
  readonly isSystem: boolean
}

/** Authorizes calls of functions. */
export interface FunctionAccess {
  /** Rejects a call that the function's rule does not allow. */
  readonly check: (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) => Effect.Effect<void, FunctionError>
  readonly actor: (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) => Effect.Effect<Actor, FunctionError>
  /** Whether a condition on an action's argument holds. One that cannot be decided does not. */
  readonly allows: (caller: Caller, condition: Gate, argument: unknown) => Effect.Effect<boolean>
  /** The database as a function may use it. */
  readonly databaseOf: (actor: Actor, fn: Pick<AppFunction, "name" | "runAs">) => Database["Service"]
  /** The database as a client may use it. */
  readonly databaseOfClient: (caller: Caller) => Database["Service"]
}

/** The error of a call that is not permitted. */
export const notAllowed = (name: string): FunctionError =>
  new FunctionError({ code: "FunctionExecutionError", message: `rule not matched for function "${name}"` })

/** Whether a call is made by the system. */
export const isSystem = ({ asSystem, user }: Caller): boolean => asSystem === true || user.type === "system"

const undecided = (why: string) =>
  new DatabaseError({ message: `a rule cannot be decided: ${why}`, code: forbiddenCode })

const failed = (message: string) => new FunctionError({ code: "FunctionExecutionError", message })

/**
 * Creates the authorization. `run` runs a function under the identity of its caller and its settings, without checking
 * whether it may be called.
 */
export const make = (
  database: Database["Service"],
  store: UserStore["Service"],
  run: (caller: Caller, fn: AppFunction, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
): FunctionAccess => {
  const givenOf = (caller: Caller, args?: unknown): Given => ({
    user: caller.user,
    request: caller.request,
    values: caller.app.values,
    environment: caller.app.environment,
    args,
    call: (name, given) => {
      const fn = caller.app.functions.get(name)
      if (fn === undefined || fn.closed) {
        return Effect.fail(undecided(`its function "${name}" ${fn === undefined ? "does not exist" : "is closed"}`))
      }
      // it runs as the system, so its error message must not reach the caller
      return run({ ...caller, asSystem: true }, fn, given).pipe(
        Effect.tapError(({ message }) =>
          Effect.annotateLogs(Effect.logWarning(`the function "${name}" of a rule failed: ${message}`), {
            app: caller.app.id
          })
        ),
        Effect.mapBoth({ onSuccess: copy, onFailure: () => undecided(`its function "${name}" failed`) })
      )
    }
  })

  const gateOf = (caller: Caller, fn: AppFunction): Gate | undefined => (isSystem(caller) ? undefined : fn.gate)

  /** The user with this id as the identity of a function. */
  const userOf = Effect.fnUntraced(function* (caller: Caller, fn: AppFunction, id: string) {
    const { app } = caller
    const user = Option.getOrUndefined(yield* store.user(app.id, id))
    const who = `the function "${fn.name}" runs as the user "${id}"`
    if (user === undefined)
      return yield* failed(`${who}, who does not exist: give it the id of a user of the application`)
    if (user.disabled) return yield* failed(`${who}, who is disabled`)
    const found = yield* UserData.customData(database, app, user, (fn, args) =>
      run({ app, user: systemUser, request: undefined }, fn, args)
    )
    return UserData.functionUser(user, { ...found })
  })

  const actor: FunctionAccess["actor"] = (caller, fn, args) => {
    const { runAs } = fn
    if (runAs._tag === "System" || caller.asSystem === true) return Effect.succeed({ caller, isSystem: true })
    if (runAs._tag === "Caller") return Effect.succeed({ caller, isSystem: isSystem(caller) })
    return anotherUser(caller, fn, args)
  }

  const anotherUser = Effect.fnUntraced(function* (
    caller: Caller,
    fn: AppFunction,
    args: ReadonlyArray<unknown>
  ): Effect.fn.Return<Actor, FunctionError> {
    const { runAs } = fn
    let id: unknown = runAs._tag === "User" ? runAs.id : undefined
    if (runAs._tag === "Chosen") {
      const choose: AppFunction = {
        name: `${fn.name} (run_as_user_id_script_source)`,
        private: true,
        closed: false,
        gate: undefined,
        runAs: { _tag: "System" },
        body: runAs.body
      }
      id = yield* run(caller, choose, args)
    }
    if (typeof id !== "string" || id === "") {
      return yield* failed(`the script that says as whom the function "${fn.name}" runs must return the id of a user`)
    }
    return { caller: { ...caller, user: yield* userOf(caller, fn, id) }, isSystem: false }
  })

  const check: FunctionAccess["check"] = (caller, fn, args) => {
    const gate = gateOf(caller, fn)
    if (gate === undefined) return Effect.void
    return Effect.matchEffect(bounded(gate.allows(givenOf(caller, args))), {
      onFailure: ({ message }) => Effect.fail(failed(message)),
      onSuccess: (allowed) => (allowed ? Effect.void : Effect.fail(notAllowed(fn.name)))
    })
  }

  const plain = PlainNumbers.make(database)

  return {
    actor,
    check,
    allows: (caller, condition, argument) =>
      Effect.orElseSucceed(bounded(condition.allows(givenOf(caller, argument))), () => false),
    databaseOf: ({ caller, isSystem }, fn) =>
      isSystem
        ? plain
        : PlainNumbers.make(
            UserDatabase.make(database, caller.app.dataSources, givenOf(caller), (error, namespace) =>
              explained(error, namespace, fn)
            )
          ),
    databaseOfClient: (caller) => UserDatabase.make(database, caller.app.dataSources, givenOf(caller))
  }
}

/** Adds to an error of the rules what to do about the function. */
const explained = (
  error: DatabaseError,
  { collection, database }: Namespace,
  { name, runAs }: Pick<AppFunction, "name" | "runAs">
) => {
  if (error.code !== forbiddenCode) return error
  const who = runAs._tag === "Caller" ? "the user who calls it" : "a user of the application"
  return new DatabaseError({
    code: forbiddenCode,
    message:
      `${error.message}; the function "${name}" runs as ${who}: ` +
      `give "${database}.${collection}" a rule that allows it, or the function "run_as_system": true`
  })
}
