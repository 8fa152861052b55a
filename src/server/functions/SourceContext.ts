/**
 * The `context` of exported functions. It runs in the realm of the call and uses the server by host calls.
 *
 * A new member of `context` is added in `make`. If it needs the server it makes a host call, `ask("...", ...)`, which
 * `FunctionHost.ts` answers; its name is listed in `internal/messages.ts`.
 */
import * as FunctionHttp from "./FunctionHttp.ts"
import * as FunctionServices from "./FunctionServices.ts"
import * as ServiceHandles from "./ServiceHandles.ts"
import { readCaller } from "./internal/caller.ts"
import { type HostCall, operations, type Setup } from "./internal/messages.ts"
import { headersOf } from "./internal/guest/responses.ts"
import { read } from "./internal/values.ts"

/** The environment of a function: its identity, the server, and other functions. */
export interface Invocation {
  readonly setup: Setup
  /** The user and the request, as encoded by the server. */
  readonly caller: string
  /** Whether the function runs as the system. */
  readonly isSystem: boolean
  /** Makes a host call. */
  readonly ask: (method: HostCall, args: ReadonlyArray<unknown>, transactionId?: string) => Promise<unknown>
  /** Calls another function: an exported one runs at once, others in the server. */
  readonly execute: (name: string, ...args: ReadonlyArray<unknown>) => unknown
  /** Sends a request to another server. */
  readonly fetch: typeof fetch
  /** Marks an activity as in progress until the returned function is called. */
  readonly pending: () => () => void
}

/** The global `context`. Unknown members are `undefined`. */
export const make = ({ ask, caller, execute, fetch, isSystem, pending, setup }: Invocation): object => {
  // most functions read none of them
  const parts = once(() => readCaller(caller))
  const app = once(() => read(setup.app))
  const user = once(() => {
    const { customData: custom_data, data, id, identities, type } = parts().user
    const providers = identities.map(({ id, providerType }) => ({ id, provider_type: providerType }))
    return { id, type, data, custom_data, identities: providers }
  })
  const request = once(() => {
    const { requestHeaders, ...request } = parts().request ?? {}
    return requestHeaders === undefined ? request : { ...request, requestHeaders: headersOf(requestHeaders) }
  })
  const environment = once(() => read(setup.environment))
  const http = once(() => FunctionHttp.make({ fetch, pending, timeoutMillis: setup.timeLimitMillis }))
  const mongodb = once(() => FunctionServices.make({ database: databasePort(ask) }, setup.appId))
  const serviceOf = (name: string): unknown => {
    const service = setup.services.get(name)
    if (service !== undefined) {
      return ServiceHandles.make(name, service, { http, act: (...args) => ask("action", args) })
    }
    // an incomplete export may lack the declaration of its data sources
    return setup.dataSources.size === 0 || setup.dataSources.has(name) ? mongodb().get(name) : undefined
  }
  return {
    get app() {
      return app()
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
        return value === undefined ? undefined : read(value)
      }
    },
    get environment() {
      return environment()
    },
    runningAsSystem: () => isSystem,
    get http() {
      return http()
    },
    services: { get: serviceOf }
  }
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server forwards the answer of its database
  return {
    operations: (transactionId: string | undefined) =>
      transactionId === undefined ? outside : operationsIn(transactionId),
    collections: (...args: ReadonlyArray<unknown>) => ask("collections", args),
    databases: (...args: ReadonlyArray<unknown>) => ask("databases", args),
    commit: (transactionId: string) => ask("commit", [transactionId]),
    abort: (transactionId: string) => ask("abort", [transactionId])
  } as unknown as FunctionServices.DatabasePort
}
