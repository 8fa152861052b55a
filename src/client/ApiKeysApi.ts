/**
 * A user's API keys: credentials that log the same user in, for programs that act for it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Answers from "../protocol/Answers.ts"
import { path, routes } from "../protocol/Routes.ts"
import { AppServicesError, InvalidResponse } from "./AppServicesError.ts"
import { checkSegment } from "./internal/segments.ts"
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
  readonly disabled: boolean
}

/**
 * A new API key. The host shows the key this once; whoever needs it later has to keep it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CreatedApiKey extends ApiKey {
  readonly key: Redacted.Redacted
}

/**
 * The keys of one user.
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
  /** Creates a key; its name has ASCII letters, digits, `_` and `-`, and is unique among the user's keys. */
  create(name: string): Effect.Effect<CreatedApiKey, AppServicesError>
  /** One key; fails with `ApiKeyNotFound`. */
  fetch(id: string): Effect.Effect<ApiKey, AppServicesError>
  readonly fetchAll: Effect.Effect<ReadonlyArray<ApiKey>, AppServicesError>
  enable(id: string): Effect.Effect<void, AppServicesError>
  /** Nobody can log in with a disabled key. */
  disable(id: string): Effect.Effect<void, AppServicesError>
  delete(id: string): Effect.Effect<void, AppServicesError>
}

/**
 * @category services
 * @since 0.1.0
 */
export class ApiKeysApi extends Context.Service<
  ApiKeysApi,
  {
    /** The keys of a user. */
    of(userId: string): UserApiKeys
  }
>()("effect-app-services/client/ApiKeysApi") {
  static readonly layer: Layer.Layer<ApiKeysApi, never, ProtocolClient | Sessions> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient
      const sessions = yield* Sessions

      /** Sends a request with the refresh token, as these routes want it (`protocol` routes below `/auth/api_keys`). */
      const send = Effect.fnUntraced(function* (
        userId: string,
        method: "GET" | "POST" | "PUT" | "DELETE",
        member: Member,
        id?: string,
        body?: string
      ) {
        const name = `ApiKeysApi.${member}`
        if (id !== undefined) yield* checkSegment(name, "the id of the API key", id)
        const url = id === undefined ? routes.apiKeys : path(routeOf(member), { id })
        return yield* sessions.authorizedToRefresh(name, userId, (token) =>
          client.execute({
            operation: { name, kind: "general", ...(id !== undefined && { subject: id }) },
            method,
            path: url,
            token,
            body: body === undefined ? undefined : Redacted.make(body),
            idempotent: method === "GET"
          })
        )
      })

      // a span covers the reading of the answer too: a tracer sees what it ends with, where the key is redacted
      const create = Effect.fnUntraced(function* (userId: string, name: string) {
        const body = yield* Effect.orDie(encodeName({ name }))
        const answer = yield* decodeKey("ApiKeysApi.create", yield* send(userId, "POST", "create", undefined, body))
        if (answer.key === undefined) {
          const reason = new InvalidResponse({ status: 201, problem: 'a new API key without "key"' })
          return yield* new AppServicesError({ operation: "ApiKeysApi.create", reason })
        }
        return { ...listed(answer), key: answer.key }
      })

      const change = (userId: string, method: "PUT" | "DELETE", member: Member, id: string) =>
        send(userId, method, member, id).pipe(Effect.asVoid, Effect.withSpan(`ApiKeysApi.${member}`))

      return {
        of: (userId) => ({
          create: (name) => create(userId, name).pipe(Effect.withSpan("ApiKeysApi.create")),
          fetch: (id) =>
            Effect.flatMap(send(userId, "GET", "fetch", id), (body) => decodeKey("ApiKeysApi.fetch", body)).pipe(
              Effect.map(listed),
              Effect.withSpan("ApiKeysApi.fetch")
            ),
          fetchAll: Effect.flatMap(send(userId, "GET", "fetchAll"), (body) =>
            decodeKeys("ApiKeysApi.fetchAll", body)
          ).pipe(
            Effect.map((keys) => keys.map(listed)),
            Effect.withSpan("ApiKeysApi.fetchAll")
          ),
          enable: (id) => change(userId, "PUT", "enable", id),
          disable: (id) => change(userId, "PUT", "disable", id),
          delete: (id) => change(userId, "DELETE", "delete", id)
        })
      }
    })
  )
}

type Member = "create" | "fetch" | "fetchAll" | "enable" | "disable" | "delete"

const routeOf = (member: Member) =>
  member === "enable" ? routes.enableApiKey : member === "disable" ? routes.disableApiKey : routes.apiKey

const decodeKey = decodeAnswer(Answers.ApiKey)
const decodeKeys = decodeAnswer(Schema.Array(Answers.ApiKey))
const encodeName = Schema.encodeEffect(Schema.fromJsonString(Schema.Struct({ name: Schema.String })))

const listed = ({ _id, disabled, name }: typeof Answers.ApiKey.Type): ApiKey => ({ id: _id, name, disabled })
