/** Users with their records, to be moved from one storage to another. */
import * as Effect from "effect/Effect"
import { DatabaseError, duplicateCode } from "../../../data/DatabaseError.ts"
import type { UserRecord } from "../../../users/UserModels.ts"
import { RecordConflict } from "../../../users/UserStore.ts"
import { isEmailPassword } from "../../../users/internal/tables.ts"
import { marksOf, newRecords, type What } from "../../../users/internal/records.ts"
import {
  accountOf,
  devicesOf,
  keysOf,
  markOfDigest,
  markOfKeyId,
  storedAccount,
  storedUser,
  stringOf,
  type Text,
  textOf,
  userOf
} from "./documents.ts"
import { ask, type Place } from "./place.ts"

/** All users in the order of creation, then the accounts without a login so far. */
export const read = async (place: Place, app: string): Promise<ReadonlyArray<UserRecord>> => {
  const ofApp = { "_id.app": app }
  const accounts = await place
    .in("accounts")
    .find(ofApp, { sort: { _id: 1 } })
    .toArray()
  const pending = new Map(accounts.map((account) => [account._id.id, accountOf(account)]))
  const records: Array<UserRecord> = []
  for await (const document of place.in("users").find(ofApp, { sort: { createdAt: 1, _id: 1 } })) {
    const { epoch: _, ...user } = userOf(document)
    const id = user.identities.find(isEmailPassword)?.id ?? ""
    const account = pending.get(id)
    pending.delete(id)
    records.push({ user, account, apiKeys: keysOf(document), pushRegistrations: devicesOf(document) })
  }
  for (const account of pending.values()) {
    records.push({ user: undefined, account, apiKeys: [], pushRegistrations: [] })
  }
  return records
}

/** How many values one query asks for. */
const mostAsked = 1_000

const partsOf = <A>(all: ReadonlyArray<A>): ReadonlyArray<Array<A>> =>
  Array.from({ length: Math.ceil(all.length / mostAsked) }, (_, i) => all.slice(i * mostAsked, (i + 1) * mostAsked))

const textOfMark = (what: What, mark: string): Text => textOf(`${what} ${mark}`)

/** The unique properties of records that documents have already. */
const known = async (place: Place, app: string, records: ReadonlyArray<UserRecord>): Promise<ReadonlySet<string>> => {
  const found = new Set<string>()
  const wanted = (what: What) =>
    partsOf(records.flatMap((record) => marksOf(record).flatMap(([it, mark]) => (it === what ? [mark] : []))))
  const users = place.in("users")
  const accounts = place.in("accounts")
  const marks = [
    ...wanted("identity").map((part) => part.map((mark) => textOfMark("identity", mark))),
    ...wanted("apiKey").map((part) => part.flatMap((mark): Array<Text> => [markOfKeyId(mark), markOfDigest(mark)]))
  ]
  await Promise.all([
    ...wanted("user").map(async (ids) => {
      const all = users.find({ _id: { $in: ids.map((id) => ({ app, id })) } }, { projection: { _id: 1 } })
      for await (const { _id } of all) found.add(`user ${_id.id}`)
    }),
    ...marks.map(async (part) => {
      const all = users.find({ "_id.app": app, marks: { $in: part } }, { projection: { marks: 1 } })
      for await (const user of all) {
        for (const mark of user.marks) found.add(stringOf(mark).replace(/^(?:key|digest) /, "apiKey "))
      }
    }),
    ...wanted("account").map(async (part) => {
      const ids = part.map((id) => ({ app, id }))
      const all = accounts.find({
        $or: [{ _id: { $in: ids } }, { "_id.app": app, email: { $in: part.map(textOf) } }]
      })
      for await (const { _id, email } of all) found.add(`account ${_id.id}`).add(`account ${stringOf(email)}`)
    })
  ])
  return found
}

/** Another server that adds a user of the import at the same time makes it start again. */
const mostTries = 3

/** Adds records, all or none. */
export const add = Effect.fnUntraced(function* (
  place: Place,
  app: string,
  records: ReadonlyArray<UserRecord>,
  skipExisting: boolean
): Effect.fn.Return<number, RecordConflict> {
  if (!place.isReplicaSet) {
    return yield* Effect.die(
      new DatabaseError({
        message:
          "users can be imported into a replica set or a sharded cluster only, which have transactions: make the server a replica set of one member",
        code: 20
      })
    )
  }
  for (let tries = 1; ; tries++) {
    const found = yield* ask(() => known(place, app, records))
    const added = newRecords((what, mark) => found.has(`${what} ${mark}`), records, skipExisting)
    if ("what" in added) return yield* new RecordConflict(added)
    const inserted = yield* Effect.result(insert(place, app, added.records))
    if (inserted._tag === "Success") return added.records.length
    if (inserted.failure.code !== duplicateCode || tries >= mostTries) return yield* Effect.die(inserted.failure)
  }
})

const insert = (place: Place, app: string, records: ReadonlyArray<UserRecord>) => {
  const accounts = records.flatMap(({ account, user }) =>
    account === undefined ? [] : [storedAccount(app, account, user?.id)]
  )
  const users = records.flatMap(({ apiKeys, pushRegistrations, user }) =>
    user === undefined ? [] : [storedUser(app, user, apiKeys, pushRegistrations)]
  )
  return place.together(async (session) => {
    const options = session === undefined ? {} : { session }
    if (accounts.length > 0) await place.in("accounts").insertMany(accounts, options)
    if (users.length > 0) await place.in("users").insertMany(users, options)
  })
}
