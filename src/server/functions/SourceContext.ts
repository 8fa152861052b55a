/**
 * The global `context` of a function of an exported application, and its `console`. It runs in the process of the
 * functions and asks the server for what only that has.
 *
 * A new member of `context` is added in `make`. One that needs the server asks for a host call, `ask("...", ...)`, which
 * `FunctionHost.ts` answers; its name is listed in `internal/messages.ts`.
 *
 * @since 0.1.0
 */
import { format } from "node:util"
import * as FunctionHttp from "./FunctionHttp.ts"
import type { FunctionRealm } from "./FunctionRealm.ts"
import * as Realm from "./FunctionRealm.ts"
import * as FunctionServices from "./FunctionServices.ts"
import { readCaller } from "./internal/caller.ts"
import { type HostCall, type Level, operations, type Setup } from "./internal/messages.ts"
import { read } from "./internal/values.ts"

/**
 * What a function is run with: on whose behalf, and ways to the server and to other functions.
 *
 * @category models
 * @since 0.1.0
 */
export interface Invocation {
  readonly setup: Setup
  readonly realm: FunctionRealm
  /** The user and the request, as the server wrote them. */
  readonly caller: string
  /** Whether the function runs as the system. */
  readonly isSystem: boolean
  /** Asks the server; a promise of the realm, whose value is the realm's too. */
  readonly ask: (method: HostCall, args: ReadonlyArray<unknown>, transactionId?: string) => PromiseLike<unknown>
  /** Calls another function: one of a source runs at once, any other one where the server runs. */
  readonly execute: (name: string, ...args: ReadonlyArray<unknown>) => unknown
  readonly log: (level: Level, text: string) => void
}

/**
 * The global `context`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ ask, caller, execute, isSystem, realm, setup }: Invocation): object => {
  const { appId } = setup
  // most functions look at none of them
  const parts = once(() => readCaller(caller))
  const user = once(() => {
    const { customData: custom_data, data, id, identities, type } = parts().user
    const providers = identities.map(({ id, providerType }) => ({ id, provider_type: providerType }))
    return realm.copyIn({ id, type, data, custom_data, identities: providers })
  })
  const request = once(() => realm.copyIn(parts().request ?? {}))
  const environment = once(() => realm.copyIn(read(setup.environment)))
  const deployment = once(() => realm.copyIn(read(setup.deployment)))
  const http = once(() =>
    FunctionHttp.make({
      copyIn: realm.copyIn,
      error: realm.error,
      promise: (promise) => realm.promise((resolve, reject) => promise.then(resolve, reject)),
      timeoutMillis: setup.timeLimitMillis
    })
  )
  const mongodb = once(() => FunctionServices.make({ realm, database: databasePort(ask) }, appId))
  const serviceOf = (name: string): unknown => {
    const type = setup.services.get(name)
    if (type === undefined) return mongodb().get(name)
    return type === "http"
      ? Realm.unsupported(`services.get("${name}")`, realm.error, http())
      : Realm.unsupported(`services of type "${type}": services.get("${name}")`, realm.error)
  }
  return Realm.unsupported("context", realm.error, {
    app: {
      id: appId,
      clientAppId: appId,
      get deployment() {
        return deployment()
      }
    },
    get user() {
      return user()
    },
    get request() {
      return request()
    },
    functions: { execute },
    values: {
      get: (name: string): unknown => {
        const value = setup.values.get(name)
        return value === undefined ? undefined : realm.copyIn(read(value))
      }
    },
    get environment() {
      return environment()
    },
    runningAsSystem: () => isSystem,
    get http() {
      return Realm.unsupported("context.http", realm.error, http())
    },
    services: { get: serviceOf }
  })
}

const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

const databasePort = (ask: Invocation["ask"]) => {
  const operationsIn = (transactionId: string | undefined) =>
    Object.fromEntries(
      operations.map((method) => [method, (...args: ReadonlyArray<unknown>) => ask(method, args, transactionId)])
    )
  const outside = operationsIn(undefined)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the server answers is what its database answered
  return {
    operations: (transactionId: string | undefined) =>
      transactionId === undefined ? outside : operationsIn(transactionId),
    collections: (...args: ReadonlyArray<unknown>) => ask("collections", args),
    commit: (transactionId: string) => ask("commit", [transactionId]),
    abort: (transactionId: string) => ask("abort", [transactionId])
  } as unknown as FunctionServices.DatabasePort
}

/**
 * The global `console`, which writes to the server's logger.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeConsole = ({ log }: Invocation): object => {
  const print =
    (level: Level) =>
    (...args: ReadonlyArray<unknown>) =>
      log(level, format(...args))
  const info = print("Info")
  return { log: info, info, dir: info, debug: print("Debug"), warn: print("Warn"), error: print("Error") }
}
