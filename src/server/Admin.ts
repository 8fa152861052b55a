/**
 * What whoever runs a server may do with an application's users. In code the layers of `AppServicesServer` provide this
 * service; there is no way to it over HTTP.
 *
 * @example
 * ```ts
 * import { Admin, App, AppServicesServer } from "effect-app-services/server"
 * import { Effect } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { anonymous: true } })
 *
 * const disableEverybody = Effect.gen(function* () {
 *   const admin = yield* Admin.Admin
 *   for (const { id } of yield* admin.users("my-app")) yield* admin.disableUser("my-app", id)
 * }).pipe(Effect.provide(AppServicesServer.layerHttpClient(app)))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type PushRegistration, State, type User } from "./users/State.ts"

/**
 * There is no such user.
 *
 * @category errors
 * @since 0.1.0
 */
export class UserNotFound extends Schema.TaggedError<UserNotFound>("effect-app-services/server/UserNotFound")(
  "UserNotFound",
  { appId: Schema.String, userId: Schema.String }
) {
  override get message() {
    return `the application "${this.appId}" has no user ${this.userId}`
  }
}

/**
 * Administers users.
 *
 * @category services
 * @since 0.1.0
 */
export class Admin extends Context.Service<
  Admin,
  {
    /** All users, in the order in which they came. */
    readonly users: (appId: string) => Effect.Effect<ReadonlyArray<User>>
    /** Ends the user's sessions; logging in and live access tokens are refused with `UserDisabled`. */
    readonly disableUser: (appId: string, userId: string) => Effect.Effect<void, UserNotFound>
    readonly enableUser: (appId: string, userId: string) => Effect.Effect<void, UserNotFound>
    /** The devices that push services may send to. */
    readonly pushRegistrations: (appId: string) => Effect.Effect<ReadonlyArray<PushRegistration>>
  }
>()("effect-app-services/server/Admin") {
  static readonly layer: Layer.Layer<Admin, never, State> = Layer.effect(
    Admin,
    Effect.gen(function* () {
      const state = yield* State
      const setDisabled = Effect.fnUntraced(function* (appId: string, userId: string, disabled: boolean) {
        if (!(yield* state.setUserDisabled(appId, userId, disabled))) return yield* new UserNotFound({ appId, userId })
      })
      return Admin.of({
        users: Effect.fn("Admin.users")((appId) => state.users(appId)),
        disableUser: Effect.fn("Admin.disableUser")((appId, userId) => setDisabled(appId, userId, true)),
        enableUser: Effect.fn("Admin.enableUser")((appId, userId) => setDisabled(appId, userId, false)),
        pushRegistrations: Effect.fn("Admin.pushRegistrations")((appId) => state.pushRegistrations(appId))
      })
    })
  )
}
