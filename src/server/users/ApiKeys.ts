/**
 * API keys of users. A key is returned once, at its creation; the server stores its digest.
 */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { BadRequest, body, Conflict, Forbidden, NotFound } from "../model/ApiErrors.ts"
import * as Digest from "./Digest.ts"
import * as Ids from "../model/Ids.ts"
import { type ApiKey, type Session, UserStore, type User } from "./UserStore.ts"

/** The maximum number of keys of a user. */
const limit = 20

/** The shape of {@link ApiKeys}. */
export interface Service {
  readonly create: (
    appId: string,
    user: User,
    name: unknown
  ) => Effect.Effect<ApiKey & { readonly key: Redacted.Redacted }, BadRequest | Conflict>
  readonly list: (appId: string, user: User) => Effect.Effect<ReadonlyArray<ApiKey>>
  readonly fetch: (appId: string, user: User, id: string) => Effect.Effect<ApiKey, NotFound>
  /**
   * Disabling ends the sessions that began with the key. A session that disables its own key may enable it again; if it
   * is refreshed before that, it ends.
   */
  readonly setDisabled: (
    appId: string,
    session: Session,
    user: User,
    id: string,
    disabled: boolean
  ) => Effect.Effect<void, NotFound>
  /** Deletes a key. A session cannot delete the key that it was begun with. */
  readonly remove: (
    appId: string,
    session: Session,
    user: User,
    id: string
  ) => Effect.Effect<void, NotFound | Forbidden>
}

/** Creates, lists and deletes the API keys of users. */
export class ApiKeys extends Context.Service<ApiKeys, Service>()("effect-app-services/server/users/ApiKeys") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, UserStore | SecureRandom.SecureRandom> = Effect.gen(function* () {
    const store = yield* UserStore
    const random = yield* SecureRandom.SecureRandom

    // another user's key is not found
    const find = Effect.fnUntraced(function* (appId: string, user: User, id: string) {
      const key = Option.getOrUndefined(yield* store.apiKey(appId, id))
      return key?.userId === user.id ? key : yield* new NotFound(body("API key not found", "APIKeyNotFound"))
    })

    return ApiKeys.of({
      create: Effect.fn("ApiKeys.create")(function* (appId, user, name) {
        if (typeof name !== "string" || name === "") return yield* new BadRequest(body("'name' is a required string"))
        if (!/^[A-Za-z0-9_-]+$/.test(name)) {
          return yield* new BadRequest(
            body("can only contain ASCII letters, numbers, underscores, and hyphens", "InvalidParameter")
          )
        }
        if ((yield* store.apiKeys(appId, user.id)).length >= limit) {
          return yield* new BadRequest(body(`a user can have no more than ${limit} API keys`, "BadRequest"))
        }
        const key = Redacted.make(Base64Url.encode(yield* random.randomBytes(48)))
        const id = yield* Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random)
        const stored: ApiKey = { id, userId: user.id, name, digest: Digest.of(key), disabled: false }
        yield* Effect.mapError(
          store.createApiKey(appId, stored),
          () => new Conflict(body("API key with name already exists", "APIKeyAlreadyExists"))
        )
        return { ...stored, key }
      }),
      list: Effect.fn("ApiKeys.list")((appId, user) => store.apiKeys(appId, user.id)),
      fetch: Effect.fn("ApiKeys.fetch")(find),
      setDisabled: Effect.fn("ApiKeys.setDisabled")(function* (appId, session, user, id, disabled) {
        const key = yield* find(appId, user, id)
        yield* store.setApiKeyDisabled(appId, key.id, disabled, session.id)
      }),
      remove: Effect.fn("ApiKeys.remove")(function* (appId, session, user, id) {
        const key = yield* find(appId, user, id)
        if (session.identity.providerType === "api-key" && session.identity.id === key.id) {
          return yield* new Forbidden(body("a session cannot delete the API key that it began with"))
        }
        yield* store.deleteApiKey(appId, key.id)
      })
    })
  })

  static readonly layer: Layer.Layer<ApiKeys, never, UserStore | SecureRandom.SecureRandom> = Layer.effect(
    ApiKeys,
    ApiKeys.make
  )
}
