/** The keys that sign tokens, in MongoDB: one document per application, which is read for each request. */
import * as Clock from "effect/Clock"
import type * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { DatabaseError } from "../../../data/DatabaseError.ts"
import * as SigningKeys from "../../../users/SigningKeys.ts"
import { attempt } from "../errors.ts"
import * as Batch from "./batch.ts"
import { dateOf } from "./documents.ts"
import { type Place, upserted } from "./place.ts"
import type { KeyDocument } from "./shapes.ts"

const storedKey = ({ createdAt, id, retiredAt, secret }: SigningKeys.StoredKey): KeyDocument => ({
  id,
  secret: Redacted.value(secret),
  createdAt: dateOf(createdAt),
  ...(retiredAt === undefined ? undefined : { retiredAt: dateOf(retiredAt) })
})

const keyOf = ({ createdAt, id, retiredAt, secret }: KeyDocument): SigningKeys.StoredKey => ({
  id,
  secret: Redacted.make(secret),
  createdAt: createdAt.getTime(),
  ...(retiredAt === undefined ? undefined : { retiredAt: retiredAt.getTime() })
})

const retired = ({ createdAt, id, retiredAt, secret }: KeyDocument, now: Date): KeyDocument => ({
  id,
  secret,
  createdAt,
  retiredAt: retiredAt ?? now
})

/** The keys of an application. Of several servers that start at once, one creates them. */
const created = Effect.fnUntraced(function* (place: Place, app: string) {
  const key = yield* SigningKeys.newKey(yield* Clock.currentTimeMillis)
  return yield* attempt(() =>
    upserted(() =>
      place
        .in("signingKeys")
        .findOneAndUpdate(
          { _id: app },
          { $setOnInsert: { version: 1, keys: [storedKey(key)] } },
          { upsert: true, returnDocument: "after" }
        )
    )
  )
})

/** Creates the service. */
export const make = Effect.fnUntraced(function* (
  place: Place
): Effect.fn.Return<SigningKeys.Service, never, SecureRandom.SecureRandom> {
  const services = yield* Effect.context<SecureRandom.SecureRandom>()
  const read = Batch.make(
    (app: string) => app,
    async (apps) => {
      const found = await place
        .in("signingKeys")
        .find({ _id: { $in: [...apps] } })
        .toArray()
      return new Map(found.map((keys) => [keys._id, keys]))
    }
  )
  /** The keys that were imported, of the version in the document that they were read from. */
  const known = new Map<string, { readonly version: number; readonly keys: ReadonlyArray<SigningKeys.SigningKey> }>()
  return SigningKeys.make(({ app: { id: app } }) =>
    Effect.gen(function* () {
      const found = (yield* read(app)) ?? (yield* created(place, app))
      const last = known.get(app)
      if (found === null) return []
      if (last?.version === found.version) return last.keys
      const keys = yield* Effect.forEach(found.keys, (key) => SigningKeys.usable(app, keyOf(key))).pipe(
        Effect.mapError((message) => new DatabaseError({ message }))
      )
      known.set(app, { version: found.version, keys })
      return keys
    }).pipe(Effect.orDie, Effect.provideContext(services))
  )
})

/** The applications that have keys. */
export const appIds = (place: Place): Effect.Effect<ReadonlyArray<string>, DatabaseError> =>
  attempt(async () => {
    const options = { projection: { _id: 1 }, sort: { _id: 1 } } as const
    const all = await place.in("signingKeys").find({}, options).toArray()
    return all.map(({ _id }) => _id)
  })

/** Creates a new key, which servers sign with from the next request on. */
export const rotate = Effect.fnUntraced(function* (
  place: Place,
  app: string,
  { revoke = false }: { readonly revoke?: boolean | undefined } = {}
): Effect.fn.Return<SigningKeys.Rotated, DatabaseError, SecureRandom.SecureRandom> {
  const now = yield* Clock.currentTimeMillis
  const key = yield* SigningKeys.newKey(now)
  const documents = place.in("signingKeys")
  for (;;) {
    const found = yield* attempt(() => documents.findOne({ _id: app }))
    const keys = revoke ? [] : (found?.keys ?? []).map((key) => retired(key, dateOf(now)))
    const { matchedCount, upsertedCount } = yield* attempt(() =>
      documents.updateOne(
        { _id: app, version: found?.version ?? 0 },
        { $set: { keys: [...keys, storedKey(key)] }, $inc: { version: 1 } },
        { upsert: found === null }
      )
    )
    // another rotation was faster
    if (matchedCount + upsertedCount === 0) continue
    if (!revoke) return { current: key.id, older: keys.length, sessions: 0 }
    const { deletedCount } = yield* attempt(() => place.in("sessions").deleteMany({ "_id.app": app }))
    return { current: key.id, older: 0, sessions: deletedCount }
  }
})
