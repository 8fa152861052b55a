/**
 * Mocks of the SDK's services: a test states the members it needs; using any other member fails with a message that says what
 * to add.
 *
 * - {@link layer} is the whole SDK without a host, with users that are logged in, logged out or expired.
 * - {@link service} mocks one service, {@link user} one user.
 *
 * @example
 * ```ts
 * import { AuthApi, FunctionContract, FunctionsApi } from "effect-app-services"
 * import { Mock } from "effect-app-services/testing"
 * import { Effect, Schema } from "effect"
 *
 * const Shop = FunctionContract.make({
 *   total: { args: [Schema.Array(Schema.Finite)], returns: Schema.Finite }
 * })
 *
 * const checkOut = Effect.fn("checkOut")(function*(userId: string, prices: ReadonlyArray<number>) {
 *   const user = yield* AuthApi.use((auth) => auth.user(userId))
 *   return `${user.id} pays ${yield* user.functionsOf(Shop).total(prices)}`
 * })
 *
 * const test = checkOut("ada", [20, 22]).pipe(
 *   Effect.provide(Mock.layer({
 *     users: [{ id: "ada" }],
 *     services: FunctionsApi.layerMock(Shop, { total: (prices) => Effect.succeed(prices.length) })
 *   }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AppServices from "../client/AppServices.ts"
import { AppServicesError, Unauthorized } from "../client/AppServicesError.ts"
import { AuthApi } from "../client/AuthApi.ts"
import { EmailPasswordApi } from "../client/EmailPasswordApi.ts"
import { functions, typedFunctions } from "../client/FunctionsApi.ts"
import type { Identity, Profile } from "../client/Profile.ts"
import { ProtocolClient, type ProtocolRequest } from "../client/ProtocolClient.ts"
import { Sessions } from "../client/Sessions.ts"
import { type StoredUser, TokenStore } from "../client/TokenStore.ts"
import { type User as SdkUser, UserId } from "../client/User.ts"
import { UserEvents } from "../client/UserEvents.ts"
import * as Answers from "../protocol/internal/answers.ts"
import * as Ejson from "../protocol/Ejson.ts"
import type * as FunctionContract from "../protocol/FunctionContract.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { routes } from "../protocol/internal/routes.ts"
import { withSessions } from "./internal/guarded.ts"

/**
 * A member without a mock was used. It is a defect, so that code under test cannot handle it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotMocked extends Schema.TaggedError<NotMocked>()("NotMocked", { message: Schema.String }) {}

/** Members that promises and printers look for in every value. */
const notMembers = new Set(["then", "toJSON"])

/** A value that is an effect, a stream, a method that returns one, and an object of these: using it is a defect. */
const missing = (message: string): unknown => {
  const effect: object = Effect.die(new NotMocked({ message }))
  const stream: object = Stream.die(new NotMocked({ message }))
  const self: unknown = new Proxy(() => self, {
    get: (_, key): unknown => {
      const owner = key in effect ? effect : key in stream ? stream : undefined
      return owner === undefined && typeof key === "string" && !notMembers.has(key)
        ? self
        : Reflect.get(owner ?? effect, key)
    },
    has: (_, key) => key in effect || key in stream,
    getPrototypeOf: () => Reflect.getPrototypeOf(effect)
  })
  return self
}

/** Some members of a service; `undefined` counts as missing. */
type Members<S> = { readonly [Member in keyof S]?: S[Member] | undefined }

const filled = <S extends object>(given: Members<S>, messageOf: (member: string) => string): S =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- missing members are filled in
  new Proxy(given as S, {
    get: (target, key, receiver): unknown =>
      Reflect.get(target, key) !== undefined || typeof key === "symbol" || notMembers.has(key)
        ? Reflect.get(target, key, receiver)
        : missing(messageOf(key))
  })

/**
 * Mocks a service: pass the members that the test needs. Using any other member is the defect {@link NotMocked}.
 *
 * @example
 * ```ts
 * import { AuthApi } from "effect-app-services"
 * import { Mock } from "effect-app-services/testing"
 * import { Effect } from "effect"
 *
 * const ada = Mock.user({ id: "ada", callFunction: () => Effect.succeed(42) })
 * const Auth = Mock.service(AuthApi, { user: () => Effect.succeed(ada) })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const service = <I, S extends object>(key: Context.Key<I, S>, members: NoInfer<Members<S>>): Layer.Layer<I> => {
  const name = key.key.slice(key.key.lastIndexOf("/") + 1)
  return Layer.succeed(
    key,
    filled<S>(
      members,
      (member) => `${name}.${member} was used, and is not mocked: add "${member}" to Mock.service(${name}, { ... })`
    )
  )
}

/**
 * The members of a mocked `User`. `callFunction` also serves `functions`, `functionsWith` and `functionsOf`.
 *
 * @category models
 * @since 0.1.0
 */
export interface UserMembers extends Members<Omit<SdkUser, "id">> {
  readonly id: string
}

/**
 * Mocks a user: pass the members that the test needs. Using any other member is the defect {@link NotMocked}.
 *
 * @category constructors
 * @since 0.1.0
 */
export const user = (members: UserMembers): SdkUser => {
  const call = members.callFunction
  const derived: Partial<SdkUser> =
    call === undefined
      ? {}
      : {
          functions: functions((name, args) => call(name, ...args)),
          functionsWith: () => functions((name, args) => call(name, ...args)),
          functionsOf: <Definitions extends Record<string, FunctionContract.Definition>>(
            contract: FunctionContract.FunctionContract<Definitions>
          ) => typedFunctions(contract, (name, args) => call(name, ...args))
        }
  const id = UserId.make(members.id)
  return filled<SdkUser>(
    { ...derived, ...Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)), id },
    (member) => `User.${member} of "${id}" was used, and is not mocked: add "${member}" to Mock.user({ id, ... })`
  )
}

/**
 * A user in the token store of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface KnownUser {
  readonly id: string
  /** @default "anon-user" */
  readonly providerType?: ProviderType | undefined
  /**
   * The session of the user. Calls of a `"logged out"` user fail with `NotLoggedIn`. An `"expired"` user seems logged in until
   * its first call, which fails with `SessionExpired` and ends the session; later calls fail with `NotLoggedIn`.
   *
   * @default "logged in"
   */
  readonly state?: "logged in" | "logged out" | "expired" | undefined
  /**
   * The stored profile data.
   *
   * @default none: reading it is the defect `NotMocked`
   */
  readonly profile?: Profile | undefined
  /**
   * The stored identities.
   *
   * @default none, if there is a `profile`
   */
  readonly identities?: ReadonlyArray<Identity> | undefined
  /**
   * The custom user data in the access token.
   *
   * @default an empty document
   */
  readonly customData?: Readonly<Record<string, unknown>> | undefined
  /** The id of the device that the user logged in on. */
  readonly deviceId?: string | undefined
}

/** An unsigned token, the `renewals`th of its session. It expires after any time that a test clock reaches. */
const tokenOf = (type: "access" | "refresh", { customData, id }: KnownUser, renewals = 0) => {
  const userData =
    customData === undefined ? {} : { user_data: JSON.parse(Result.getOrThrow(Ejson.stringify(customData))) }
  const claims = { typ: type, sub: id, iat: renewals, exp: 2 ** 40, ...userData }
  const part = (value: unknown) => Base64Url.encode(JSON.stringify(value))
  return Redacted.make(`${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`)
}

const storedUser = (user: KnownUser): StoredUser => {
  const { deviceId, id, identities, profile, providerType = "anon-user", state = "logged in" } = user
  const times = state === "expired" ? { receivedAt: -2, expiresAt: -1 } : { receivedAt: 0, expiresAt: 2 ** 50 }
  return {
    id,
    providerType,
    ...(deviceId !== undefined && { deviceId }),
    ...((profile !== undefined || identities !== undefined) && {
      profile: { data: profile ?? {}, identities: identities ?? [], type: "normal" }
    }),
    ...(state === "logged out"
      ? { ended: "LoggedOut" as const }
      : { session: { accessToken: tokenOf("access", user), refreshToken: tokenOf("refresh", user), ...times } })
  }
}

const appId = "mocked"

/** The defect of a request, which names its operation and what to mock. */
const noHost = ({ operation: { name } }: Pick<ProtocolRequest, "operation">) => {
  const service = /^\w+/.exec(name)?.[0] ?? name
  const advice =
    service === "FunctionsApi"
      ? "give Mock.layer { services: FunctionsApi.layerMock(contract, { ... }) }"
      : service === "ProfileApi"
        ? 'give the user of Mock.layer a "profile"'
        : `give Mock.layer { services: Mock.service(${service}, { ... }) }`
  return Effect.die(new NotMocked({ message: `${name} was used, and there is no host in this test: ${advice}` }))
}

const encodeRefreshed = Schema.encodeEffect(Schema.fromJsonString(Answers.Refreshed))

/** A minimal host: it refreshes and ends sessions, and refuses expired ones. */
const hostOf = (users: ReadonlyArray<KnownUser>) => {
  const byToken = new Map(users.map((user) => [Redacted.value(tokenOf("refresh", user)), user]))
  let renewals = 0
  const find = (token: Redacted.Redacted) => byToken.get(Redacted.value(token))
  const refuses = (operation: string, refreshToken: Redacted.Redacted) =>
    find(refreshToken)?.state === "expired"
      ? Effect.fail(
          new AppServicesError({
            operation,
            reason: new Unauthorized({ status: 401, code: "InvalidSession", serverMessage: "invalid session" })
          })
        )
      : Effect.void
  return {
    refuses,
    execute: (request: ProtocolRequest): Effect.Effect<string, AppServicesError> => {
      const { method, operation, path, token } = request
      const user = path === routes.session && token !== undefined ? find(token) : undefined
      if (user === undefined || token === undefined) return noHost(request)
      if (method === "DELETE") return Effect.succeed("")
      return Effect.andThen(
        refuses(operation.name, token),
        Effect.suspend(() => Effect.orDie(encodeRefreshed({ access_token: tokenOf("access", user, ++renewals) })))
      )
    }
  }
}

/**
 * The whole SDK without a host. The users have sessions, profiles and custom data; anything that would send a request is the
 * defect {@link NotMocked}, which says what to add. `services` replace the SDK's own; merge several with `Layer.mergeAll`.
 *
 * Sessions are checked as with a host: operations of `services` as a user (functions, streams, documents, profiles, API keys,
 * push) fail for a user that is logged out, expired or unknown. Sessions are refreshed and ended as usual.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E = never, R = never>(
  options: {
    readonly users?: ReadonlyArray<KnownUser> | undefined
    /** Layers of services of the SDK: `FunctionsApi.layerMock(...)`, `Mock.service(...)`. */
    readonly services?: Layer.Layer<never, E, R> | undefined
  } = {}
): Layer.Layer<AppServices.Services | TokenStore, E, R> => {
  const users = options.users ?? []
  const host = hostOf(users)
  const stored = Layer.effectDiscard(
    Effect.gen(function* () {
      const tokens = (yield* TokenStore).forApp(appId)
      for (const user of users.toReversed()) {
        yield* Effect.orDie(tokens.modify(user.id, () => [undefined, Option.some(storedUser(user))]))
      }
    })
  )
  return Layer.mergeAll(AuthApi.layer, EmailPasswordApi.layer).pipe(
    Layer.provideMerge(withSessions(options.services ?? Layer.empty, host.refuses)),
    Layer.provideMerge(AppServices.operations),
    Layer.provideMerge(Sessions.layer()),
    Layer.provideMerge(UserEvents.layer),
    Layer.provideMerge(
      Layer.succeed(ProtocolClient, {
        appId,
        host: noHost({ operation: { name: "ProtocolClient.host", kind: "general" } }),
        execute: host.execute,
        open: noHost
      })
    ),
    Layer.provideMerge(Layer.provideMerge(stored, TokenStore.layerMemory))
  )
}
