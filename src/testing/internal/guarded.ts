import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { ApiKeysApi } from "../../client/ApiKeysApi.ts"
import type { AppServicesError } from "../../client/AppServicesError.ts"
import { FunctionsApi } from "../../client/FunctionsApi.ts"
import { FunctionStreams } from "../../client/FunctionStreams.ts"
import { MongoDb } from "../../client/MongoDb.ts"
import { ProfileApi } from "../../client/ProfileApi.ts"
import { PushApi } from "../../client/PushApi.ts"
import { Sessions } from "../../client/Sessions.ts"

/** Fails where the user has no session that the host accepts. */
type Check = (operation: string, userId: string) => Effect.Effect<void, AppServicesError>

/** Puts the check in front of the effects and streams that a member of a service is, returns or contains. */
const guard = (value: unknown, check: (member: string) => ReturnType<Check>, member: string): unknown => {
  // a member without a mock is an effect and a function at once, and a defect of its own
  if (typeof value === "function" && Effect.isEffect(value)) return value
  // @effect-diagnostics-next-line anyUnknownInErrorContext:off -- what a test's stand-in fails with is passed on
  if (Effect.isEffect(value)) return Effect.andThen(check(member), value)
  if (Stream.isStream(value)) return Stream.unwrap(Effect.as(check(member), value))
  if (typeof value === "function") {
    return (...args: ReadonlyArray<unknown>): unknown => guard(Reflect.apply(value, undefined, args), check, member)
  }
  if (typeof value !== "object" || value === null) return value
  return replaced(value, (inner, key) => guard(typeof inner === "function" ? inner.bind(value) : inner, check, key))
}

/** The same object with replaced members; members without a mock stay unchanged. */
const replaced = <S extends object>(value: S, replace: (inner: unknown, key: string) => unknown): S =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a proxy of `value` itself could not replace frozen members
  new Proxy({} as S, {
    get: (_, key): unknown => {
      const inner: unknown = Reflect.get(value, key)
      return typeof key === "symbol" || !(key in value) ? inner : replace(inner, key)
    },
    has: (_, key) => key in value
  })

/** The same service, whose members check the session of the user, which is their first argument. */
const guarded =
  <I, S extends object>(key: Context.Key<I, S>, check: Check) =>
  (context: Context.Context<never>): Context.Context<never> =>
    Option.match(Context.getOption(context, key), {
      onNone: () => context,
      onSome: (service) => Context.add(context, key, guardedService(service, key.key.split("/").at(-1) ?? "", check))
    })

const guardedService = <S extends object>(service: S, name: string, check: Check): S =>
  replaced(service, (method, key) =>
    typeof method === "function"
      ? (userId: string, ...args: ReadonlyArray<unknown>): unknown => {
          const subject = key === "call" || key === "stream" ? `(${String(args[0])})` : ""
          return guard(
            Reflect.apply(method, service, [userId, ...args]),
            (member) => check(`${name}.${member}${subject}`, userId),
            key
          )
        }
      : method
  )

/**
 * Puts the SDK's check of sessions in front of mocked services: an operation fails for a user that is logged out, or whose
 * session has expired, as it does with a host.
 *
 * @param refuses fails for a refresh token that the host refuses
 */
export const withSessions = <E, R>(
  services: Layer.Layer<never, E, R>,
  refuses: (operation: string, refreshToken: Redacted.Redacted) => Effect.Effect<void, AppServicesError>
): Layer.Layer<never, E, R | Sessions> =>
  Layer.flatMap(services, (context) =>
    Layer.effectContext(
      Effect.map(Sessions, (sessions) => {
        const access: Check = (operation, userId) => sessions.authorized(operation, userId, () => Effect.void)
        const refresh: Check = (operation, userId) =>
          sessions.authorizedToRefresh(operation, userId, (token) => refuses(operation, token))
        return [
          guarded(FunctionsApi, access),
          guarded(FunctionStreams, access),
          guarded(MongoDb, access),
          guarded(ProfileApi, access),
          guarded(PushApi, access),
          guarded(ApiKeysApi, refresh)
        ].reduce((guarding, next) => next(guarding), context)
      })
    )
  )
