/**
 * Creates users at their first login, and reads their custom data.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as KeyedLock from "../../core/keyedLock.ts"
import * as Ejson from "../../protocol/Ejson.ts"
import { BadRequest, body, type Unauthorized } from "../model/ApiErrors.ts"
import { missing } from "../model/App.ts"
import type { HostedApp } from "../model/Apps.ts"
import { Database } from "../data/Database.ts"
import { type FunctionError, type FunctionRequest, systemUser } from "../model/FunctionContext.ts"
import { FunctionRunner } from "../model/FunctionRunner.ts"
import * as Ids from "../model/Ids.ts"
import { type AlreadyExists, type Identity, UserStore, type User } from "./UserStore.ts"
import * as UserData from "./UserData.ts"
import { type AuthEvent, AuthEvents } from "./AuthEvents.ts"
import * as Refusals from "./internal/refusals.ts"

const parseJson = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))

/** The shape of {@link Users}. */
export interface Service {
  /**
   * The user of an identity, created at its first login. If the application's creation function rejects a new user, it
   * is removed. The identity's data is updated by each login. An account that was deleted meanwhile gets no user.
   */
  readonly ofIdentity: (
    hosted: HostedApp,
    identity: Identity,
    request: FunctionRequest | undefined
  ) => Effect.Effect<User, BadRequest | Unauthorized>
  /** Adds an identity to a user; succeeds with the changed user. */
  readonly link: (hosted: HostedApp, user: User, identity: Identity) => Effect.Effect<User, AlreadyExists>
  /** The user's custom data as canonical Extended JSON, for the access token; `undefined` if there is none. */
  readonly customData: (hosted: HostedApp, user: User) => Effect.Effect<unknown>
}

/** Finds and creates users. */
export class Users extends Context.Service<Users, Service>()("effect-app-services/server/users/Users") {
  /** Builds the service. */
  static readonly make: Effect.Effect<
    Service,
    never,
    AuthEvents | UserStore | Database | FunctionRunner | SecureRandom.SecureRandom | Scope.Scope
  > = Effect.gen(function* () {
    const store = yield* UserStore
    const events = yield* AuthEvents
    const database = yield* Database
    const functions = yield* FunctionRunner
    const random = yield* SecureRandom.SecureRandom
    // concurrent first logins of one identity, or a login and a link, must not create two users
    const lock = KeyedLock.make()

    const lockOf = (appId: string, { id, providerType }: Identity) => lock(`${appId} ${providerType} ${id}`)

    const find = Effect.fnUntraced(function* (appId: string, identity: Identity) {
      const { id, providerType } = identity
      const found = Option.getOrUndefined(yield* store.userByIdentity(appId, providerType, id))
      // most logins do not change the identity's data
      if (found === undefined || found.identities.some((known) => Equal.equals(known, identity))) return found
      yield* store.setIdentityData(appId, identity)
      return Option.getOrUndefined(yield* store.userByIdentity(appId, providerType, id))
    })

    const create = Effect.fnUntraced(function* (
      hosted: HostedApp,
      identity: Identity,
      request: FunctionRequest | undefined
    ) {
      const { app } = hosted
      const user: User = {
        id: yield* Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random),
        type: "normal",
        identities: [identity],
        createdAt: yield* Clock.currentTimeMillis,
        disabled: false
      }
      if (app.onUserCreation !== undefined) {
        const fn = app.functions.get(app.onUserCreation) ?? missing(app.onUserCreation)
        yield* Effect.mapError(
          functions.run({ app, user: systemUser, request }, fn, [creationArgument(user)]),
          (error: FunctionError) => new BadRequest(body(error.message, error.code))
        )
      }
      const event: AuthEvent = { operation: "CREATE", providers: [identity.providerType], user }
      return yield* store.createUser(app.id, user, events.wanted(app.id, event)).pipe(
        Effect.as(user),
        Effect.catchTags({
          // another server was faster
          AlreadyExists: () =>
            Effect.flatMap(find(app.id, identity), (found) =>
              found === undefined ? Effect.fail(Refusals.unauthorized) : Effect.succeed(found)
            ),
          AccountGone: () => Effect.fail(Refusals.unauthorized)
        })
      )
    })

    return Users.of({
      ofIdentity: Effect.fn("Users.ofIdentity")(function* (hosted, identity, request) {
        const appId = hosted.app.id
        // no other login may have an anonymous identity, which is new
        if (identity.providerType === "anon-user") return yield* create(hosted, identity, request)
        const found = yield* find(appId, identity)
        if (found !== undefined) return found
        const locked = lockOf(appId, identity)
        return yield* locked(
          Effect.flatMap(find(appId, identity), (found) =>
            found === undefined ? create(hosted, identity, request) : Effect.succeed(found)
          )
        )
      }),
      link: Effect.fn("Users.link")(function* ({ app }, user, identity) {
        yield* lockOf(app.id, identity)(store.addIdentity(app.id, user.id, identity))
        return Option.getOrElse(yield* store.user(app.id, user.id), () => user)
      }),
      customData: Effect.fn("Users.customData")(function* ({ app }, user) {
        const found = yield* UserData.customData(database, app, user, (fn, args) =>
          functions.run({ app, user: systemUser, request: undefined }, fn, args)
        )
        if (found === undefined) return undefined
        // canonical, as clients expect the claim; a document without such a form is the operator's mistake
        const text = yield* Effect.orDie(Effect.fromResult(Ejson.stringify(found)))
        return yield* Effect.orDie(parseJson(text))
      })
    })
  })

  static readonly layer: Layer.Layer<
    Users,
    never,
    AuthEvents | UserStore | Database | FunctionRunner | SecureRandom.SecureRandom
  > = Layer.effect(Users, Users.make)
}

/** The argument of a creation function. */
const creationArgument = (user: User) => ({
  id: user.id,
  type: user.type,
  creation_time: Math.floor(user.createdAt / 1000),
  data: UserData.profileData(user),
  custom_data: {},
  identities: user.identities.map(({ data, id, providerId, providerType }) => ({
    id,
    provider_type: providerType,
    provider_id: providerId,
    data
  }))
})
