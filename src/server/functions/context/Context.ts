/**
 * The `context` of exported functions. It runs in the realm of the call and uses the server by host calls.
 *
 * A new member of `context` is added in `make`. If it needs the server it makes a host call, `ask("...", ...)`, which
 * `FunctionHost.ts` answers; its name is listed in `shared/messages.ts`.
 */
import * as Http from "./Http.ts"
import * as ServiceHandles from "./ServiceHandles.ts"
import * as Services from "./Services.ts"
import { readCaller } from "../shared/caller.ts"
import { type HostCall, operations, type Setup } from "../shared/messages.ts"
import { headersOf } from "./responses.ts"
import { read } from "../shared/values.ts"

/** What the functions of a realm have in common. */
export interface Environment {
  readonly setup: Setup
  /** Sends a request to another server. */
  readonly fetch: typeof fetch
  /** Marks an activity as in progress until the returned function is called. */
  readonly pending: () => () => void
}

/** A function that is about to run, and its ways to the server and to other functions. */
export interface Invocation {
  /** Whether the function runs as the system. */
  readonly isSystem: boolean
  /** Makes a host call. */
  readonly ask: (method: HostCall, args: ReadonlyArray<unknown>, transactionId?: string) => Promise<unknown>
  /** Makes a host call and waits for its reply, in which nothing else runs. */
  readonly askNow: (method: HostCall, args: ReadonlyArray<unknown>) => unknown
  /** Calls another function: an exported one runs at once, others in the server. */
  readonly execute: (name: string, ...args: ReadonlyArray<unknown>) => unknown
}

/** The contexts of a realm, which serves one call at a time. */
export interface Contexts {
  /** Begins a call, whose functions have the same user and request, as encoded by the server. */
  readonly begin: (caller: string) => void
  /** The global `context` of a function. Unknown members are `undefined`. */
  readonly make: (invocation: Invocation) => object
}

const { defineProperty, freeze } = Object

export const make = ({ fetch, pending, setup }: Environment): Contexts => {
  let caller = ""
  const lazies: Array<{ value: unknown }> = []
  /** A member that is created when a function of the call reads it first: most functions do not. */
  const lazy = <A>(create: () => A): (() => A) => {
    const made: { value: A | undefined } = { value: undefined }
    lazies.push(made)
    return () => (made.value ??= create())
  }
  const parts = lazy(() => readCaller(caller))
  const app = lazy(() => read(setup.app))
  const user = lazy(() => {
    const { customData: custom_data, data, id, identities, type } = parts().user
    const providers = identities.map(({ id, providerType }) => ({ id, provider_type: providerType }))
    return { id, type, data, custom_data, identities: providers }
  })
  const request = lazy(() => {
    const { requestHeaders, ...request } = parts().request ?? {}
    return requestHeaders === undefined ? request : { ...request, requestHeaders: headersOf(requestHeaders) }
  })
  const environment = lazy(() => read(setup.environment))
  const http = lazy(() => Http.make({ fetch, pending, timeoutMillis: setup.timeLimitMillis }))
  // the engine keeps a layout for objects with the same accessors; with new ones, each object would get its own
  const [appMember, userMember, requestMember, environmentMember, httpMember] = [
    member(app),
    member(user),
    member(request),
    member(environment),
    member(http)
  ]
  const values = (name: string): unknown => {
    const value = setup.values.get(name)
    return value === undefined ? undefined : read(value)
  }

  return {
    begin: (text) => {
      caller = text
      for (const made of lazies) made.value = undefined
    },
    make: ({ ask, askNow, execute, isSystem }) => {
      let mongodb: ReturnType<typeof Services.make> | undefined
      const serviceOf = (name: string): unknown => {
        const service = setup.services.get(name)
        if (service !== undefined) {
          return ServiceHandles.make(name, service, { http, act: (...args) => ask("action", args) })
        }
        // an incomplete export may lack the declaration of its data sources
        if (setup.dataSources.size > 0 && !setup.dataSources.has(name)) return undefined
        mongodb ??= Services.make({ database: databasePort(ask, askNow) }, setup.appId)
        return mongodb.get(name)
      }
      const context = {}
      defineProperty(context, "app", appMember)
      defineProperty(context, "user", userMember)
      defineProperty(context, "request", requestMember)
      defineProperty(context, "environment", environmentMember)
      defineProperty(context, "http", httpMember)
      return Object.assign(context, {
        functions: { execute },
        values: { get: (name: string) => values(name) },
        runningAsSystem: () => isSystem,
        services: { get: serviceOf }
      })
    }
  }
}

/** An accessor that later calls share, so functions cannot change it. */
const member = (get: () => unknown): PropertyDescriptor => ({ get: freeze(get), enumerable: true, configurable: true })

const databasePort = (ask: Invocation["ask"], askNow: Invocation["askNow"]) => {
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
    namesNow: (method: "collections" | "databases", given: object) => askNow(method, [given]),
    commit: (transactionId: string) => ask("commit", [transactionId]),
    abort: (transactionId: string) => ask("abort", [transactionId])
  } as unknown as Services.DatabasePort
}
