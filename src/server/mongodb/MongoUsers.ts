/**
 * Users in MongoDB, over its official driver, so that many servers share them.
 *
 * Users, accounts, sessions, API keys, signing keys, e-mails and what else servers keep for users are in a database of their
 * own, which the first server creates with its indexes. Every read asks the primary for what a majority has: what one server
 * has acknowledged, such as a logout or a disabled user, holds in all of them at the next request.
 *
 * Read access to the database allows forging tokens, since the keys that sign them are in it.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { AuthEventLog } from "../users/AuthEventLog.ts"
import { Inbox } from "../users/Inbox.ts"
import { PendingLogins } from "../users/RedirectLogins.ts"
import { SigningKeys } from "../users/SigningKeys.ts"
import type { UserServices } from "../users/UserServices.ts"
import { UserStore } from "../users/UserStore.ts"
import * as Clusters from "./internal/clusters.ts"
import { usersDatabase } from "./internal/usersDatabase.ts"
import { attempt } from "./internal/errors.ts"
import * as Events from "./internal/users/events.ts"
import * as Mails from "./internal/users/inbox.ts"
import * as Keys from "./internal/users/keys.ts"
import * as Pending from "./internal/users/pending.ts"
import {
  hasTransactions,
  type NewerVersion,
  open,
  type Place,
  prepare,
  sweep,
  version
} from "./internal/users/place.ts"
import * as Store from "./internal/users/store.ts"

/**
 * Where users are.
 *
 * @category options
 * @since 0.2.0
 */
export interface Options {
  /** The connection string. */
  readonly uri: Redacted.Redacted
  /** Options of the driver. */
  readonly client?: Clusters.ClientOptions | undefined
  /**
   * The name of the database, which is created.
   *
   * @default "effect_app_services"
   */
  readonly databaseName?: string | undefined
}

const failed = (where: string) => (error: Clusters.MongoDatabaseError | NewerVersion | { readonly message: string }) =>
  error instanceof Clusters.MongoDatabaseError
    ? error
    : new Clusters.MongoDatabaseError({
        message:
          "found" in error
            ? `${where} has the schema version ${error.found}, and this server knows version ${version}: update effect-app-services, or choose another database`
            : `${where} cannot be opened: ${error.message}`
      })

/** Connects, and creates what is missing in the database of users. */
const place = Effect.fnUntraced(function* ({ client, databaseName = usersDatabase, uri }: Options) {
  const where = `the database "${databaseName}" of users in MongoDB at ${Clusters.hostsOf(uri)}`
  return yield* Effect.gen(function* () {
    const connected = (yield* Clusters.make({ uri, client })).of("")
    const found = open(connected, databaseName, yield* attempt(() => hasTransactions(connected)))
    yield* prepare(found)
    return found
  }).pipe(Effect.mapError(failed(where)))
})

const services = Effect.fnUntraced(function* (place: Place) {
  return Context.make(UserStore, UserStore.of(Store.make(place))).pipe(
    Context.add(SigningKeys, SigningKeys.of(yield* Keys.make(place))),
    Context.add(AuthEventLog, AuthEventLog.of(Events.make(place))),
    Context.add(PendingLogins, PendingLogins.of(Pending.make(place))),
    Context.add(Inbox, Inbox.of(yield* Mails.make(place)))
  )
})

/**
 * Keeps users in MongoDB. Connects at once, and closes its connections with the layer. Fails if the database cannot be reached,
 * or is one of a later version.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<UserServices, Clusters.MongoDatabaseError> =>
  Layer.effectContext(
    Effect.flatMap(place(options), (place) => Effect.andThen(Effect.forkScoped(sweep(place)), services(place)))
  ).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/**
 * Reads the connection string from the configuration, by default from the variable `MONGODB_URI`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = (
  uri: Config.Config<Redacted.Redacted> = Config.Redacted("MONGODB_URI"),
  options: Omit<Options, "uri"> = {}
): Layer.Layer<UserServices, Clusters.MongoDatabaseError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(uri, (uri) => layer({ ...options, uri })))

/**
 * What commands need that ask no server. Closes its connections with the scope.
 *
 * @internal
 */
export const administration = Effect.fnUntraced(function* (options: Options) {
  const found = yield* place(options)
  return {
    users: Store.make(found),
    /** The applications that have users or accounts. */
    userApps: attempt(async () => [
      ...new Set([
        ...(await found.in("users").distinct("_id.app")),
        ...(await found.in("accounts").distinct("_id.app"))
      ])
    ]),
    /** The applications that have keys. */
    keyApps: Keys.appIds(found),
    rotate: (app: string, options: { readonly revoke: boolean }) =>
      Effect.provide(Keys.rotate(found, app, options), SecureRandom.layerWebCrypto)
  }
})
