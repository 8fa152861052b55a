/** What is known of a user beside how the user logs in: the data of providers, and the application's own. */
import { ObjectId } from "bson"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"
import type { App, AppFunction } from "../model/App.ts"
import type { Database, Document, Namespace } from "../data/Database.ts"
import type { FunctionUser } from "../model/FunctionContext.ts"
import type { User } from "./UserStore.ts"
import type { AccessClaims } from "./Tokens.ts"

/** Data source of custom user data that names none. */
const defaultService = "mongodb-atlas"

/** What a user's providers tell about the user. */
export const profileData = (user: User): Record<string, unknown> =>
  Object.fromEntries(user.identities.flatMap(({ data }) => Object.entries(data)))

/** A user as functions see it. */
export const functionUser = (user: User, customData: Readonly<Record<string, unknown>>): FunctionUser => ({
  id: user.id,
  type: user.type,
  data: profileData(user),
  customData,
  identities: user.identities.map(({ id, providerType }) => ({ id, providerType }))
})

/**
 * The user that calls with an access token, as functions see it. A client sends one token many times, so what it says is
 * read once, and frozen: nobody may change what the next call sees.
 */
export const tokenUser = (user: User, claims: Pick<AccessClaims, "user_data">): FunctionUser => {
  const known = tokenUsers.get(claims)
  if (known?.user === user) return known.seen
  const seen = frozen(functionUser(user, customDataOfClaim(claims.user_data)))
  tokenUsers.set(claims, { user, seen })
  return seen
}

/** The custom data that the claim `user_data` holds. */
const customDataOfClaim = (claim: Readonly<Record<string, unknown>> | null | undefined): Record<string, unknown> => {
  // most applications have none, and copying nothing costs each call of a function something
  if (claim === undefined || claim === null) return {}
  const data = Result.getOrElse(Ejson.fromJson(claim), () => ({}))
  return Predicate.isObject(data) ? data : {}
}

const tokenUsers = new WeakMap<object, { readonly user: User; readonly seen: FunctionUser }>()

/** BSON's classes stay as they are: some cannot be frozen. */
const frozen = <A>(value: A): A => {
  if (typeof value !== "object" || value === null || "_bsontype" in value || ArrayBuffer.isView(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

/**
 * Finds a user's custom data as it is now, `undefined` when there is none. A function that makes it is run by `run`.
 */
export const customData = Effect.fnUntraced(function* <E>(
  database: Database["Service"],
  app: App,
  user: User,
  run: (fn: AppFunction, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, E>
) {
  const source = app.customUserData
  if (source === undefined) return undefined
  const found =
    typeof source === "function"
      ? yield* run(
          {
            name: "custom user data",
            private: true,
            closed: false,
            gate: undefined,
            runAs: { _tag: "System" },
            body: { _tag: "Handler", handler: source }
          },
          [functionUser(user, {})]
        )
      : yield* findDocument(
          database,
          {
            appId: app.id,
            service: source.service ?? defaultService,
            database: source.database,
            collection: source.collection
          },
          source.userIdField,
          user.id
        )
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined
}, Effect.orDie)

/** The id may be stored as a string or as an ObjectId; a string wins. */
const findDocument = Effect.fnUntraced(function* (
  database: Database["Service"],
  namespace: Namespace,
  field: string,
  userId: string
) {
  for (const value of [userId, new ObjectId(userId)]) {
    const [found]: ReadonlyArray<Document> = yield* database.find(namespace, { filter: { [field]: value }, limit: 1 })
    if (found !== undefined) return found
  }
  return undefined
})
