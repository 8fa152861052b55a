/** Where commands find users and keys while no server is asked: a data directory, or MongoDB. */
import * as Argument from "effect/cli/Argument"
import type * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { DatabaseError } from "../server/data/DatabaseError.ts"
import * as MongoUsers from "../server/mongodb/MongoUsers.ts"
import { hostsOf } from "../server/mongodb/MongoDatabase.ts"
import type * as DataDirectory from "../server/storage/DataDirectory.ts"
import { attempt, RowStore, type RowStoreError } from "../server/storage/RowStore.ts"
import { appIds } from "../server/users/internal/tables.ts"
import * as SigningKeys from "../server/users/SigningKeys.ts"
import { type Service as Users, UserStore } from "../server/users/UserStore.ts"
import * as Clusters from "./clusters.ts"
import { refuse, withRowStore } from "./dataDirectory.ts"

/** The arguments that name the storage. */
export const place = {
  directory: Argument.String("directory").pipe(
    Argument.withDescription("A data directory of serve --data; stop the server that uses it first"),
    Argument.optional
  ),
  mongodb: Flag.Redacted("mongodb").pipe(
    Flag.withDescription(
      `The connection string of the MongoDB that has the users, in place of a directory; other users of the machine see it, and not the variable ${Clusters.variable}`
    ),
    Flag.optional
  ),
  database: Clusters.usersDatabase
}

/** The given arguments. */
interface Place {
  readonly directory: Option.Option<string>
  readonly mongodb: Option.Option<Redacted.Redacted>
  readonly database: Option.Option<string>
}

/** The users and keys of all applications. */
export interface Storage {
  /** What messages call it. */
  readonly name: string
  readonly users: Effect.Effect<Users, RowStoreError>
  /** The applications that have users. */
  readonly userApps: Effect.Effect<ReadonlyArray<string>, RowStoreError | DatabaseError>
  /** The applications that have keys. */
  readonly keyApps: Effect.Effect<ReadonlyArray<string>, RowStoreError | DatabaseError>
  readonly rotate: (
    appId: string,
    options: { readonly revoke: boolean }
  ) => Effect.Effect<SigningKeys.Rotated, RowStoreError | DatabaseError>
}

type Failure = CliError.UserError | RowStoreError | DatabaseError

/** Runs a command on the storage that its arguments name. */
export const withStorage = <A>(
  { database, directory, mongodb }: Place,
  options: DataDirectory.Options,
  use: (storage: Storage) => Effect.Effect<A, Failure>
) =>
  Effect.gen(function* () {
    if (Option.isSome(directory) && Option.isSome(mongodb)) {
      return yield* refuse("a data directory cannot be combined with --mongodb: remove one of them")
    }
    if (Option.isSome(directory)) {
      return yield* withRowStore(directory.value, options)(ofDirectory(directory.value, use))
    }
    const found = Option.isSome(mongodb) ? mongodb : yield* usersUri
    if (Option.isNone(found)) {
      return yield* refuse(
        `expected a data directory, or --mongodb or the variable ${Clusters.variable} for users in MongoDB`
      )
    }
    return yield* ofMongo({ uri: found.value, databaseName: Option.getOrUndefined(database) }, use)
  })

const usersUri = Clusters.usersUri.pipe(
  Effect.catchTags({ ClustersError: (error) => refuse(error.message, error), ConfigError: Effect.die })
)

const ofDirectory = Effect.fnUntraced(function* <A>(
  directory: string,
  use: (storage: Storage) => Effect.Effect<A, Failure>
): Effect.fn.Return<A, CliError.UserError | RowStoreError, RowStore> {
  const rowStore = yield* RowStore
  const here = Effect.provideService(RowStore, rowStore)
  return yield* use({
    name: `the data directory ${directory}`,
    users: here(Effect.provide(UserStore, UserStore.layer)),
    userApps: attempt(() => [...appIds(rowStore)]),
    keyApps: here(SigningKeys.appIds),
    rotate: (appId, options) =>
      here(SigningKeys.rotate(appId, options)).pipe(Effect.provide(SecureRandom.layerWebCrypto))
  }).pipe(Effect.catchTag("DatabaseError", Effect.die))
})

const ofMongo = <A>(
  options: MongoUsers.Options,
  use: (storage: Storage) => Effect.Effect<A, Failure>
): Effect.Effect<A, CliError.UserError> => {
  const name = `MongoDB at ${hostsOf(options.uri)}`
  return Effect.gen(function* (): Effect.fn.Return<A, Failure, Scope.Scope> {
    const { keyApps, rotate, userApps, users } = yield* Effect.catch(MongoUsers.administration(options), (error) =>
      refuse(error.message, error)
    )
    return yield* use({ name, users: Effect.succeed(users), userApps, keyApps, rotate })
  }).pipe(
    Effect.scoped,
    // changes of users die with the error of the database
    Effect.catchDefect((defect) => (defect instanceof DatabaseError ? Effect.fail(defect) : Effect.die(defect))),
    Effect.catchTags({
      DatabaseError: (error) => refuse(`${name}: ${error.message}`, error),
      RowStoreError: Effect.die
    })
  )
}
