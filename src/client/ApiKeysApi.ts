/**
 * A user's API keys: credentials that log the same user in, for programs that act on the user's behalf.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Answers from "../protocol/internal/answers.ts"
import { routes } from "../protocol/internal/routes.ts"
import { AppServicesError, InvalidResponse } from "./AppServicesError.ts"
import * as Requests from "./internal/requests.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { Sessions } from "./Sessions.ts"

/**
 * An API key as it is listed: without the key itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface ApiKey {
  readonly id: string
  readonly name: string
  /** Whether logins with the key are refused. */
  readonly disabled: boolean
}

/**
 * A new API key. The host shows `key` only in the answer to its creation: store it then if you need it later.
 *
 * @see `Credentials.apiKey` for logging in with it
 *
 * @category models
 * @since 0.1.0
 */
export interface CreatedApiKey extends ApiKey {
  readonly key: Redacted.Redacted
}

/**
 * The API keys of one user, who has to be logged in: every member fails with `NotLoggedIn` or `SessionExpired` otherwise.
 *
 * @example
 * ```ts
 * import type { User } from "effect-app-services"
 * import { Effect, Redacted } from "effect"
 *
 * const keyForCi = Effect.fn("keyForCi")(function*(user: User) {
 *   const { id, key } = yield* user.apiKeys.create("ci")
 *   yield* Effect.addFinalizer(() => Effect.ignore(user.apiKeys.delete(id)))
 *   return Redacted.value(key)
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface UserApiKeys {
  /**
   * Creates a key. Its name consists of ASCII letters, digits, `_` and `-`, and is unique among the user's keys; the host
   * refuses any other with `RequestRejected`.
   */
  readonly create: (name: string) => Effect.Effect<CreatedApiKey, AppServicesError>
  /** One key. Fails with `ApiKeyNotFound`. */
  readonly fetch: (id: string) => Effect.Effect<ApiKey, AppServicesError>
  /** All keys of the user, disabled ones included. */
  readonly fetchAll: Effect.Effect<ReadonlyArray<ApiKey>, AppServicesError>
  /** Accepts logins with the key again. Fails with `ApiKeyNotFound`. */
  readonly enable: (id: string) => Effect.Effect<void, AppServicesError>
  /** Refuses logins with the key until it is enabled. Fails with `ApiKeyNotFound`. */
  readonly disable: (id: string) => Effect.Effect<void, AppServicesError>
  /** Deletes the key. Fails with `ApiKeyNotFound`. */
  readonly delete: (id: string) => Effect.Effect<void, AppServicesError>
}

/**
 * The shape of {@link ApiKeysApi}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The API keys of a user. */
  readonly forUser: (userId: string) => UserApiKeys
}

/**
 * Manages the API keys of users. `user.apiKeys` is the same, bound to one user.
 *
 * @category services
 * @since 0.1.0
 */
export class ApiKeysApi extends Context.Service<ApiKeysApi, Service>()("effect-app-services/client/ApiKeysApi") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient | Sessions> = Effect.gen(function* () {
    const { withRefreshToken } = Requests.make(yield* ProtocolClient, yield* Sessions)

    /** The span covers the decoding of the answer: it ends with a redacted key. */
    const send = <Template extends string, A>(
      userId: string,
      member: keyof UserApiKeys,
      request: Pick<Requests.Request<Template, A>, "method" | "route" | "parameters" | "body" | "decode">
    ) => {
      const { id }: { readonly id?: string } = request.parameters
      const name = `ApiKeysApi.${member}`
      const operation = { name, kind: "general", subject: id } as const
      return withRefreshToken(userId, { ...request, operation, idempotent: request.method === "GET" }).pipe(
        Effect.withSpan(name)
      )
    }

    const change = (userId: string, member: "enable" | "disable" | "delete", id: string) => {
      const [method, route] = changes[member]
      return send(userId, member, { method, route, parameters: { id }, decode: Requests.ignoreAnswer })
    }

    return {
      forUser: (userId) => ({
        create: (name) =>
          send(userId, "create", {
            method: "POST",
            route: routes.apiKeys,
            parameters: {},
            body: { name },
            decode: decodeCreated
          }),
        fetch: (id) =>
          send(userId, "fetch", { method: "GET", route: routes.apiKey, parameters: { id }, decode: decodeListed }),
        fetchAll: send(userId, "fetchAll", {
          method: "GET",
          route: routes.apiKeys,
          parameters: {},
          decode: decodeAllListed
        }),
        enable: (id) => change(userId, "enable", id),
        disable: (id) => change(userId, "disable", id),
        delete: (id) => change(userId, "delete", id)
      })
    }
  })

  /** The service over the wire client and the sessions. */
  static readonly layer: Layer.Layer<ApiKeysApi, never, ProtocolClient | Sessions> = Layer.effect(this, this.make)
}

const changes = {
  enable: ["PUT", routes.enableApiKey],
  disable: ["PUT", routes.disableApiKey],
  delete: ["DELETE", routes.apiKey]
} as const

const decodeKey = decodeAnswer(Answers.ApiKey)
const decodeKeys = decodeAnswer(Schema.Array(Answers.ApiKey))

const listed = ({ _id, disabled, name }: typeof Answers.ApiKey.Type): ApiKey => ({ id: _id, name, disabled })

const decodeListed = (operation: string, answer: string) => Effect.map(decodeKey(operation, answer), listed)
const decodeAllListed = (operation: string, answer: string) =>
  Effect.map(decodeKeys(operation, answer), (keys) => keys.map(listed))

const decodeCreated = Effect.fnUntraced(function* (operation: string, answer: string) {
  const created = yield* decodeKey(operation, answer)
  if (created.key === undefined) {
    const reason = new InvalidResponse({ status: 201, problem: 'a new API key without "key"' })
    return yield* new AppServicesError({ operation, reason })
  }
  return { ...listed(created), key: created.key }
})
