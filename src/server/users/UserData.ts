/** The data of users: profiles from their providers, and the application's custom user data. */
import { ObjectId } from "bson"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"
import { type App, type AppFunction, mainSource } from "../model/App.ts"
import type { Database, Document, Namespace } from "../data/Database.ts"
import type { FunctionUser } from "../model/FunctionContext.ts"
import type { User } from "./UserStore.ts"
import type { AccessClaims } from "./Tokens.ts"

/** The merged profile data of a user's identities. */
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
 * The user of an access token, as functions see it. A client sends one token many times, so its data is decoded once
 * and frozen: no call may change what the next one sees.
 */
export const tokenUser = (user: User, claims: Pick<AccessClaims, "user_data">): FunctionUser => {
  const known = tokenUsers.get(claims)
  if (known?.user === user) return known.seen
  const seen = frozen(functionUser(user, customDataOfClaim(claims.user_data)))
  tokenUsers.set(claims, { user, seen })
  return seen
}

/** The custom data in the claim `user_data`. */
const customDataOfClaim = (claim: Readonly<Record<string, unknown>> | null | undefined): Record<string, unknown> => {
  // most applications have none, and copying an empty object would cost every call
  if (claim === undefined || claim === null) return {}
  const data = Result.getOrElse(Ejson.fromJson(claim), () => ({}))
  return Predicate.isObject(data) ? data : {}
}

const tokenUsers = new WeakMap<object, { readonly user: User; readonly seen: FunctionUser }>()

/** Values of BSON classes are not frozen: some do not support it. */
const frozen = <A>(value: A): A => {
  if (typeof value !== "object" || value === null || "_bsontype" in value || ArrayBuffer.isView(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

/**
 * A user's current custom data, `undefined` if there is none. `run` runs the function that provides it.
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
            service: source.service ?? mainSource(app),
            database: source.database,
            collection: source.collection
          },
          source.userIdField,
          user.id
        )
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : undefined
}, Effect.orDie)

/** The id may be stored as a string or as an ObjectId; strings have priority. */
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
