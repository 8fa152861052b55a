/** The database of users: its collections, its indexes and its schema version. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { ClientSession, Collection, Db, IndexDescription, MongoClient } from "mongodb"
import { type DatabaseError, duplicateCode, isUnavailable, transientLabel } from "../../../data/DatabaseError.ts"
import { attempt, codeOf, isMongo } from "../errors.ts"
import {
  type AccountDocument,
  dateOf,
  type EmailTokenDocument,
  type SessionDocument,
  type UserDocument
} from "./documents.ts"
import type { EventDocument, KeysDocument, MessageDocument, PendingDocument } from "./shapes.ts"

/** The version of the documents' form. A server refuses a database of a later one. */
export const version = 1

/** The collections. */
interface Documents {
  readonly users: UserDocument
  readonly accounts: AccountDocument
  readonly emailTokens: EmailTokenDocument
  readonly sessions: SessionDocument
  readonly signingKeys: KeysDocument
  readonly authEvents: EventDocument
  readonly redirectLogins: PendingDocument
  readonly inbox: MessageDocument
  readonly meta: { readonly _id: "schema"; readonly version: number }
}

const indexes: { readonly [Name in keyof Documents]?: ReadonlyArray<IndexDescription> } = {
  users: [{ key: { "_id.app": 1, marks: 1 }, name: "marks", unique: true }],
  accounts: [{ key: { "_id.app": 1, email: 1 }, name: "email", unique: true }],
  emailTokens: [
    { key: { "_id.app": 1, id: 1 }, name: "id" },
    { key: { expiresAt: 1 }, name: "expiry" }
  ],
  sessions: [
    { key: { "_id.app": 1, user: 1 }, name: "user" },
    { key: { expiresAt: 1 }, name: "expiry" }
  ],
  authEvents: [{ key: { expiresAt: 1 }, name: "expiry" }],
  redirectLogins: [{ key: { expiresAt: 1 }, name: "expiry" }],
  inbox: [
    { key: { app: 1, at: 1 }, name: "app" },
    { key: { expiresAt: 1 }, name: "expiry" }
  ]
}

/** The collections whose documents expire. */
const expiring = ["emailTokens", "sessions", "authEvents", "redirectLogins", "inbox"] as const

/** How often expired documents are removed. */
const sweepEvery = Duration.hours(1)

/** The database of users. */
export interface Place {
  readonly client: MongoClient
  readonly db: Db
  /** Whether the server has transactions and change streams. */
  readonly isReplicaSet: boolean
  readonly in: <Name extends keyof Documents>(name: Name) => Collection<Documents[Name]>
  /**
   * Runs changes that belong together in a transaction, which is repeated after a write conflict. On a server that has no
   * transactions they run one after the other.
   */
  readonly together: <A>(run: (session: ClientSession | undefined) => Promise<A>) => Effect.Effect<A, DatabaseError>
}

/** What every use of the database asks for: acknowledged changes are seen by every server, and survive a failover. */
const concerns = {
  readPreference: "primary",
  writeConcern: { w: "majority" },
  promoteValues: true,
  promoteLongs: true,
  bsonRegExp: false,
  ignoreUndefined: true
} as const

const mostTries = 20

const isTransient = (error: DatabaseError): boolean =>
  error.labels?.includes(transientLabel) === true && !isUnavailable(error)

const conflictPauses = Schedule.exponential("5 millis").pipe(Schedule.jittered)

/** Opens the database of users. */
export const open = (client: MongoClient, name: string, isReplicaSet: boolean): Place => {
  const db = client.db(name, concerns)
  const options = { readConcern: { level: "majority" } } as const

  const inTransaction = async <A>(run: (session: ClientSession) => Promise<A>): Promise<A> => {
    const session = client.startSession()
    try {
      session.startTransaction({ readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } })
      const result = await run(session)
      await session.commitTransaction()
      return result
    } catch (cause) {
      if (session.inTransaction()) await session.abortTransaction().catch(() => {})
      throw cause
    } finally {
      await session.endSession()
    }
  }

  return {
    client,
    db,
    isReplicaSet,
    in: (name) => db.collection(name, options),
    together: (run) =>
      isReplicaSet
        ? Effect.retry(
            attempt(() => inTransaction(run)),
            { times: mostTries, schedule: conflictPauses, while: isTransient }
          )
        : attempt(() => run(undefined))
  }
}

/** Whether a server belongs to a replica set or a sharded cluster. */
export const hasTransactions = async (client: MongoClient): Promise<boolean> => {
  const { msg, setName } = await client.db("admin").command({ hello: 1 })
  return setName !== undefined || msg === "isdbgrid"
}

/** The database has the form of a later version. */
export class NewerVersion extends Schema.TaggedError<NewerVersion>("effect-app-services/server/mongodb/NewerVersion")(
  "NewerVersion",
  { found: Schema.Int }
) {}

/** Prepares a new database, or checks an existing one. Servers that start at the same time may all do so. */
export const prepare = Effect.fnUntraced(function* (
  place: Place
): Effect.fn.Return<void, DatabaseError | NewerVersion> {
  const found = yield* attempt(() =>
    upserted(() =>
      place
        .in("meta")
        .findOneAndUpdate({ _id: "schema" }, { $setOnInsert: { version } }, { upsert: true, returnDocument: "after" })
    )
  )
  if (found !== null && found.version > version) return yield* new NewerVersion({ found: found.version })
  yield* Effect.forEach(Object.entries(indexes), ([name, wanted]) =>
    attempt(() => place.db.collection(name).createIndexes([...wanted]))
  )
})

/** Inserts a document or changes the one of its id. Of two servers that insert it at once, one finds it then. */
export const upserted = async <A>(run: () => Promise<A>): Promise<A> => {
  try {
    return await run()
  } catch (cause) {
    if (isDuplicate(cause)) return await run()
    throw cause
  }
}

const isDuplicate = (cause: unknown): boolean => isMongo(cause) && codeOf(cause) === duplicateCode

/** Removes what has expired, now and then. Documents that have expired are ignored before that, too. */
export const sweep = (place: Place): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(expiring, (name) =>
      attempt(() => place.db.collection(name).deleteMany({ expiresAt: { $lte: dateOf(now) } }))
    )
  ).pipe(
    Effect.catch(({ message }) => Effect.logWarning(`expired documents of users could not be removed: ${message}`)),
    Effect.repeat(Schedule.spaced(sweepEvery)),
    Effect.asVoid
  )

/** A failure of the storage is a defect of the operation: the server answers 503, or 500. */
export const ask = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.orDie(attempt(run))
