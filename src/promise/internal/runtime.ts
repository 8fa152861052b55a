import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ApiKeysApi } from "../../client/ApiKeysApi.ts"
import type { AppServicesError } from "../../client/AppServicesError.ts"
import { EmailPasswordApi } from "../../client/EmailPasswordApi.ts"
import { FunctionsApi } from "../../client/FunctionsApi.ts"
import type { LoginServices } from "../../client/internal/logins.ts"
import { ProfileApi } from "../../client/ProfileApi.ts"
import { ProtocolClient } from "../../client/ProtocolClient.ts"
import type { Service as Protocol } from "../../client/ProtocolClient.ts"
import { PushApi } from "../../client/PushApi.ts"
import { Sessions } from "../../client/Sessions.ts"
import { TokenStoreKey } from "../../client/internal/tokenStoreKey.ts"
import { UserEvents } from "../../client/UserEvents.ts"
import type { Listener } from "../../client/UserEvents.ts"
import type { OAuthError } from "../../web/internal/oauthFlow.ts"
import * as RealmTokens from "../../web/internal/realmTokens.ts"
import * as Tabs from "../../web/internal/tabs.ts"
import type { Storage } from "../../web/WebStorage.ts"
import { MongoDBRealmError } from "../MongoDBRealmError.ts"

/** The last request of an operation that was refused. */
interface Refused {
  method: string
  url: string
  statusText: string
}

/** Where the transport notes it. */
const Refusal = Context.Reference<Refused>("effect-app-services/promise/Refusal", {
  defaultValue: () => ({ method: "unknown", url: "", statusText: "" })
})

const noteRefusals = HttpClient.tap((response) =>
  Effect.withFiber((fiber) => {
    if (response.status < 400) return Effect.void
    const web = HttpClientResponse.toWeb(response)
    Object.assign(fiber.getRef(Refusal), {
      method: response.request.method,
      url: response.request.url,
      statusText: Option.isSome(web) ? web.value.statusText : ""
    } satisfies Refused)
    return Effect.void
  })
)

/** The status and code of a failure without a request, as if the host had refused one. */
const unauthorized = { status: 401, statusText: "Unauthorized", code: "InvalidSession" }
const withoutRequest = new Map([
  ["NotLoggedIn", unauthorized],
  ["UnknownUser", unauthorized],
  ["SessionExpired", unauthorized],
  ["InvalidArguments", { status: 400, statusText: "Bad Request", code: "InvalidParameter" }]
])

/** The error that a promise rejects with. */
const rejectionOf = (error: unknown, { method, statusText, url }: Refused): unknown => {
  if (!isOurs(error)) return error
  const { code, link, reason } = error
  const own = withoutRequest.get(reason._tag)
  const status = error.status ?? own?.status ?? 0
  // no answer, one that the protocol does not have, or an event of a stream
  if (status < 400) return error
  const said = "serverMessage" in reason ? reason.serverMessage : undefined
  return new MongoDBRealmError(
    method,
    url,
    status,
    statusText || (own?.statusText ?? ""),
    said ?? (own === undefined ? undefined : reason.message),
    code ?? own?.code,
    link,
    { cause: error }
  )
}

const isOurs = (error: unknown): error is AppServicesError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "AppServicesError"

/** The services behind the promises: those of `AppServices`, without the ones that make `User` handles. */
type Services =
  | ApiKeysApi
  | EmailPasswordApi
  | FunctionsApi
  | ProfileApi
  | ProtocolClient
  | PushApi
  | Sessions
  | UserEvents

/** @internal */
export interface Options {
  readonly id: string
  /** The URL of the host: given now, or known when the first request is sent. */
  readonly baseUrl: string | (() => string)
  readonly storage: Storage
  readonly fetch: ((url: string, init?: RequestInit) => Promise<Response>) | undefined
  readonly skipLocationRequest: boolean | undefined
  readonly timeout: number | undefined
}

/**
 * The services of one application behind promises, built once.
 *
 * @internal
 */
export interface Runtime {
  readonly store: RealmTokens.RealmTokens
  readonly context: Context.Context<Services>
  /** What logs users in. */
  readonly logins: LoginServices
  /** Runs an operation; rejects with a `MongoDBRealmError` where a host refused it. */
  readonly run: <A>(effect: Effect.Effect<A, AppServicesError | OAuthError, Services>) => Promise<A>
  /** Runs an operation that waits for nothing. */
  readonly runSync: <A>(effect: Effect.Effect<A, AppServicesError, Services>) => A
  /** Iterates a stream, which begins with the first step and ends with the iteration. */
  readonly iterate: <A>(
    stream: Effect.Effect<Stream.Stream<A, AppServicesError>, never, Services>
  ) => AsyncGenerator<A, void>
  /** Adds a callback for the events of a user, or of all; adding it again changes nothing. */
  readonly listen: (userId: string | undefined, callback: () => void) => void
  readonly unlisten: (userId: string | undefined, callback: () => void) => void
}

/** A client whose host is known when it is first used. */
const later = Effect.fnUntraced(function* (
  appId: string,
  baseUrl: () => string,
  make: (baseUrl: string) => ReturnType<typeof ProtocolClient.make>
) {
  const context = yield* Effect.context<HttpClient.HttpClient | Scope.Scope>()
  let made: Protocol | undefined
  const use = <A>(run: (client: Protocol) => Effect.Effect<A, AppServicesError>) =>
    Effect.suspend(() =>
      made === undefined
        ? Effect.flatMap(Effect.provideContext(make(baseUrl()), context), (client) => run((made = client)))
        : run(made)
    )
  return {
    appId,
    host: use((client) => client.host),
    execute: (request) => use((client) => client.execute(request)),
    open: (request) => use((client) => client.open(request))
  } satisfies Protocol
})

/** @internal */
export const make = ({ baseUrl, fetch, id, skipLocationRequest, storage, timeout }: Options): Runtime => {
  let store: RealmTokens.RealmTokens | undefined
  const Store = Layer.effect(
    TokenStoreKey,
    Effect.gen(function* () {
      const made = RealmTokens.make(storage, id, yield* Tabs.make(true), true)
      store = made
      return { forApp: () => made.tokens }
    })
  )
  const client = (baseUrl: string) =>
    ProtocolClient.make({ appId: id, baseUrl, skipLocationRequest, timeout, transformClient: noteRefusals })
  const Live = Layer.mergeAll(
    ApiKeysApi.layer,
    EmailPasswordApi.layer,
    FunctionsApi.layer,
    ProfileApi.layer,
    PushApi.layer
  ).pipe(
    Layer.provideMerge(Sessions.layer()),
    Layer.provideMerge([
      UserEvents.layer,
      Layer.effect(ProtocolClient, typeof baseUrl === "string" ? client(baseUrl) : later(id, baseUrl, client))
    ]),
    Layer.provide([Store, FetchHttpClient.layer]),
    fetch === undefined
      ? (layer) => layer
      : Layer.provide(
          Layer.succeed(FetchHttpClient.Fetch, (input, { body, ...init } = {}) =>
            fetch(input instanceof Request ? input.url : String(input), {
              ...init,
              // as text, like that of realm-web: it may be read
              ...(body != null && { body: body instanceof Uint8Array ? new TextDecoder().decode(body) : body })
            })
          )
        )
  )
  // it lives as long as the program
  const context = Effect.runSync(Layer.buildWithScope(Live, Scope.makeUnsafe()))
  if (store === undefined) throw new Error("the token store was not built")
  const events = Context.get(context, UserEvents)
  /** A callback gets no event, as programs written for other SDKs of Realm expect. */
  const listeners = new WeakMap<() => void, Listener>()

  return {
    store,
    context,
    logins: {
      events,
      tokens: store.tokens,
      sessions: Context.get(context, Sessions),
      profiles: Context.get(context, ProfileApi)
    },
    runSync: Effect.runSyncWith(context),
    run: async (effect) => {
      const refused: Refused = { method: "unknown", url: "", statusText: "" }
      const exit = await Effect.runPromiseExitWith(context)(Effect.provideService(effect, Refusal, refused))
      if (Exit.isSuccess(exit)) return exit.value
      throw rejectionOf(Cause.squash(exit.cause), refused)
    },
    iterate: (stream) => iterate(Effect.runSync(Effect.provideContext(stream, context))),
    listen: (userId, callback) => {
      const listener = listeners.get(callback) ?? (() => callback())
      listeners.set(callback, listener)
      events.addListener(userId, listener)
    },
    unlisten: (userId, callback) => {
      const listener = listeners.get(callback)
      if (listener !== undefined) events.removeListener(userId, listener)
    }
  }
}

/** `return` ends a step that is waiting, as well as the iteration: a generator of the language would wait for the step. */
const iterate = <A>(stream: Stream.Stream<A, AppServicesError>): AsyncGenerator<A, void> => {
  const refused: Refused = { method: "unknown", url: "", statusText: "" }
  const iterator = Stream.toAsyncIterable(Stream.provideService(stream, Refusal, refused))[Symbol.asyncIterator]()
  const done = { done: true, value: undefined } as const
  let ended = false
  const end = async () => {
    ended = true
    await iterator.return?.()
  }
  return {
    next: async () => {
      if (ended) return done
      try {
        const step = await iterator.next()
        return step.done === true ? done : step
      } catch (error) {
        ended = true
        throw rejectionOf(error, refused)
      }
    },
    return: async () => {
      await end()
      return done
    },
    throw: async (error) => {
      await end()
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
    [Symbol.asyncDispose]: end
  }
}
