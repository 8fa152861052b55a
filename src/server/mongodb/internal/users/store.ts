/**
 * Users in MongoDB.
 *
 * Nothing is checked before it is written by another request: unique indexes and the conditions of updates decide. A session
 * names the epoch of its user, so that what ends all sessions is one write of the user.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ApiKey, AuthEvent, User } from "../../../users/UserModels.ts"
import { AccountGone, AlreadyExists, type Service } from "../../../users/UserStore.ts"
import { isEmailPassword } from "../../../users/internal/tables.ts"
import type { ClientSession } from "mongodb"
import { type DatabaseError, duplicateCode } from "../../../data/DatabaseError.ts"
import * as Batch from "./batch.ts"
import {
  accountOf,
  devicesOf,
  isValid,
  keysOf,
  markOfDigest,
  markOfIdentity,
  markOfKeyId,
  marksOfKeys,
  type SessionDocument,
  sessionOf,
  storedAccount,
  storedDevice,
  storedIdentity,
  storedKey,
  storedSession,
  storedToken,
  storedUser,
  type Text,
  textOf,
  tokenOf,
  type UserDocument,
  userOf
} from "./documents.ts"
import * as Events from "./events.ts"
import { attempt } from "../errors.ts"
import { ask, type Place, upserted } from "./place.ts"
import * as Records from "./records.ts"

const inSession = (session: ClientSession | undefined) => (session === undefined ? {} : { session })

const option = <A, B>(found: A | null | undefined, f: (found: A) => B): Option.Option<B> =>
  found === null || found === undefined ? Option.none() : Option.some(f(found))

/** In the order of creation. */
const oldestFirst = { sort: { createdAt: 1, _id: 1 } } as const

/** Creates the store. */
export const make = (place: Place): Service => {
  const { together } = place
  const [users, accounts, emailTokens, sessions] = [
    place.in("users"),
    place.in("accounts"),
    place.in("emailTokens"),
    place.in("sessions")
  ]

  const readUser = Batch.make(keyOf, async (ids) => {
    const found = await users.find({ _id: { $in: [...ids] } }).toArray()
    return new Map(found.map((user) => [keyOf(user._id), user]))
  })
  const userById = (app: string, id: string) => Effect.orDie(readUser({ app, id }))
  const byMark = (app: string, mark: Text) => ask(() => users.findOne({ "_id.app": app, marks: mark }))
  const keyByMark = (app: string, mark: Text, isIt: (key: ApiKey) => boolean) =>
    Effect.map(byMark(app, mark), (user) => Option.fromUndefinedOr(user === null ? undefined : keysOf(user).find(isIt)))

  /** Ends the sessions of earlier epochs, which are invalid already. */
  const removeSessions = (app: string, user: string, epoch: number) =>
    ask(() => sessions.deleteMany({ "_id.app": app, user, epoch: { $lt: epoch } }))

  /** Begins a new epoch of a user, with other changes; returns whether it exists. */
  const nextEpoch = Effect.fnUntraced(function* (app: string, id: string, changes: { readonly disabled?: boolean }) {
    const set = Object.keys(changes).length === 0 ? undefined : { $set: changes }
    const user = yield* ask(() =>
      users.findOneAndUpdate({ _id: { app, id } }, { ...set, $inc: { epoch: 1 } }, { returnDocument: "after" })
    )
    if (user !== null) yield* removeSessions(app, id, user.epoch)
    return user !== null
  })

  const ofKey = (app: string, user: string, keyId: string) => ({
    "_id.app": app,
    user,
    "identity.providerType": "api-key" as const,
    "identity.id": textOf(keyId)
  })

  const log = async (
    app: string,
    event: AuthEvent | undefined,
    now: number,
    session: ClientSession | undefined
  ): Promise<void> => {
    if (event !== undefined) await place.in("authEvents").insertOne(Events.stored(app, event, now), inSession(session))
  }

  const create = (app: string, user: User, event: AuthEvent | undefined, now: number) => {
    const account = user.identities.find(isEmailPassword)
    const insert = async (session: ClientSession | undefined): Promise<"created" | "gone"> => {
      if (account !== undefined) {
        // an account that is deleted at the same time conflicts with this
        const owned = await accounts.updateOne(
          { _id: { app, id: account.id } },
          { $set: { user: user.id } },
          inSession(session)
        )
        if (owned.matchedCount === 0) return "gone"
      }
      await users.insertOne(storedUser(app, user), inSession(session))
      await log(app, event, now, session)
      return "created"
    }
    return account === undefined && event === undefined ? alone(() => insert(undefined)) : together(insert)
  }

  const remove = (app: string, id: string, eventOf: (user: User) => AuthEvent | undefined, now: number) =>
    together(async (session) => {
      const found = await users.findOne({ _id: { app, id } }, inSession(session))
      if (found === null) return
      const user = userOf(found)
      const account = user.identities.find(isEmailPassword)
      if (account !== undefined) await removeAccount(app, account.id, session)
      await users.deleteOne({ _id: { app, id } }, inSession(session))
      await log(app, eventOf(user), now, session)
    })

  const removeAccount = async (app: string, id: string, session: ClientSession | undefined) => {
    await accounts.deleteOne({ _id: { app, id } }, inSession(session))
    await emailTokens.deleteMany({ "_id.app": app, "_id.account": id }, inSession(session))
  }

  const validSession = Effect.fnUntraced(function* (session: SessionDocument | null) {
    if (session === null) return Option.none()
    const user = yield* userById(session._id.app, session.user)
    return isValid(session, user) ? Option.some(sessionOf(session)) : Option.none()
  })

  return {
    createUser: (app, user, event) =>
      atNow((now) =>
        create(app, user, event, now).pipe(
          orExists("identity"),
          Effect.flatMap((result) => (result === "gone" ? Effect.fail(new AccountGone()) : Effect.void))
        )
      ),
    user: (app, id) => Effect.map(userById(app, id), (user) => option(user, userOf)),
    userByIdentity: (app, providerType, id) =>
      Effect.map(byMark(app, markOfIdentity({ providerType, id })), (user) => option(user, userOf)),
    addIdentity: Effect.fnUntraced(function* (app, id, identity) {
      const mark = markOfIdentity(identity)
      const only = isEmailPassword(identity) ? { "identities.providerType": { $ne: "local-userpass" as const } } : {}
      const added = yield* together(async (session) => {
        const { matchedCount } = await users.updateOne(
          { _id: { app, id }, marks: { $ne: mark }, ...only },
          { $push: { identities: storedIdentity(identity), marks: mark } },
          inSession(session)
        )
        if (matchedCount > 0 && isEmailPassword(identity)) {
          await accounts.updateOne({ _id: { app, id: identity.id } }, { $set: { user: id } }, inSession(session))
        }
        return matchedCount > 0
      }).pipe(orExists("identity"))
      if (added) return
      const owner = yield* byMark(app, mark)
      if (owner?._id.id === id) return
      if (owner !== null) return yield* new AlreadyExists({ what: "identity" })
      if ((yield* userById(app, id)) !== undefined) return yield* new AlreadyExists({ what: "provider" })
    }),
    users: (app) => ask(async () => (await users.find({ "_id.app": app }, oldestFirst).toArray()).map(userOf)),
    setIdentityData: (app, identity) =>
      Effect.asVoid(
        ask(() =>
          users.updateOne(
            { "_id.app": app, marks: markOfIdentity(identity) },
            { $set: { "identities.$[it]": storedIdentity(identity) } },
            { arrayFilters: [{ "it.id": textOf(identity.id), "it.providerType": identity.providerType }] }
          )
        )
      ),
    setUserDisabled: (app, id, disabled) =>
      disabled
        ? nextEpoch(app, id, { disabled })
        : Effect.map(
            ask(() => users.updateOne({ _id: { app, id } }, { $set: { disabled } })),
            ({ matchedCount }) => matchedCount > 0
          ),
    deleteUser: (app, id, event = () => undefined) =>
      atNow((now) =>
        Effect.andThen(Effect.orDie(remove(app, id, event, now)), removeSessions(app, id, Number.MAX_SAFE_INTEGER))
      ).pipe(Effect.asVoid),
    createAccount: (app, account) =>
      alone(() => accounts.insertOne(storedAccount(app, account))).pipe(orExists("account"), Effect.asVoid),
    account: (app, email) =>
      Effect.map(
        ask(() => accounts.findOne({ "_id.app": app, email: textOf(email) })),
        (found) => option(found, accountOf)
      ),
    accounts: (app) =>
      ask(async () => (await accounts.find({ "_id.app": app }, { sort: { _id: 1 } }).toArray()).map(accountOf)),
    updateAccount: (app, { confirmed, email, id, passwordHash }, expectedHash) =>
      Effect.map(
        ask(() =>
          accounts.updateOne(
            {
              _id: { app, id },
              email: textOf(email),
              ...(expectedHash === undefined ? undefined : { passwordHash: Redacted.value(expectedHash) })
            },
            {
              $set: {
                email: textOf(email),
                ...(confirmed === undefined ? undefined : { confirmed }),
                ...(passwordHash === undefined ? undefined : { passwordHash: Redacted.value(passwordHash) })
              }
            }
          )
        ),
        ({ matchedCount }) => matchedCount > 0
      ),
    deleteAccount: (app, email) =>
      ask(async () => {
        const found = await accounts.findOneAndDelete({
          "_id.app": app,
          email: textOf(email),
          user: { $exists: false }
        })
        if (found !== null) await emailTokens.deleteMany({ "_id.app": app, "_id.account": found._id.id })
      }),
    createEmailToken: (app, token) =>
      ask(async () => {
        const { _id, ...document } = storedToken(app, token)
        await upserted(() => emailTokens.replaceOne({ _id }, document, { upsert: true }))
      }),
    takeEmailToken: (app, { digest, id, kind }) =>
      Effect.map(
        ask(() => emailTokens.findOneAndDelete({ "_id.app": app, id, "_id.kind": kind, digest })),
        (found) => option(found, tokenOf)
      ),
    createSession: Effect.fnUntraced(function* (app, session) {
      const document = storedSession(app, session, yield* userById(app, session.userId))
      if (document !== undefined) yield* ask(() => sessions.insertOne(document))
    }),
    session: (app, id) =>
      Effect.flatMap(
        ask(() => sessions.findOne({ _id: { app, id } })),
        validSession
      ),
    sessions: Effect.fnUntraced(function* (app, user) {
      const found = yield* ask(() => sessions.find({ "_id.app": app, user }, oldestFirst).toArray())
      const owner = yield* userById(app, user)
      return found.filter((session) => isValid(session, owner)).map(sessionOf)
    }),
    deleteSession: (app, id) => Effect.asVoid(ask(() => sessions.deleteOne({ _id: { app, id } }))),
    deleteSessions: (app, user) => Effect.asVoid(nextEpoch(app, user, {})),
    createApiKey: (app, key) =>
      Effect.gen(function* () {
        const { matchedCount } = yield* alone(() =>
          users.updateOne(
            { _id: { app, id: key.userId }, "apiKeys.name": { $ne: key.name } },
            { $push: { apiKeys: storedKey(key), marks: { $each: marksOfKeys([key]) } } }
          )
        ).pipe(orExists("apiKey"))
        const user = matchedCount > 0 ? undefined : yield* userById(app, key.userId)
        if (user !== undefined) return yield* new AlreadyExists({ what: "apiKey" })
      }),
    apiKeys: (app, user) => Effect.map(userById(app, user), (found) => (found === undefined ? [] : keysOf(found))),
    apiKey: (app, id) => keyByMark(app, markOfKeyId(id), (key) => key.id === id),
    apiKeyByDigest: (app, digest) => keyByMark(app, markOfDigest(digest), (key) => key.digest === digest),
    setApiKeyDisabled: (app, id, disabled, exceptSession) =>
      ask(async () => {
        const filter = { "_id.app": app, marks: markOfKeyId(id) }
        const options = { arrayFilters: [{ "it.id": id }] }
        if (!disabled) {
          await users.updateOne(filter, { $set: { "apiKeys.$[it].disabled": false } }, options)
          return
        }
        const user = await users.findOneAndUpdate(
          filter,
          {
            $set: { "apiKeys.$[it].disabled": true, "apiKeys.$[it].spared": exceptSession ?? "" },
            $inc: { "apiKeys.$[it].epoch": 1 }
          },
          { ...options, returnDocument: "after" }
        )
        const epoch = user?.apiKeys.find((key) => key.id === id)?.epoch
        if (user === null || epoch === undefined) return
        const spared = exceptSession === undefined ? {} : { _id: { $ne: { app, id: exceptSession } } }
        await sessions.deleteMany({ ...ofKey(app, user._id.id, id), keyEpoch: { $lt: epoch }, ...spared })
      }),
    deleteApiKey: (app, id) =>
      ask(async () => {
        const mark = markOfKeyId(id)
        const before = await users.findOne({ "_id.app": app, marks: mark })
        const key = before?.apiKeys.find((it) => it.id === id)
        if (before === null || key === undefined) return
        await users.updateOne(
          { _id: before._id },
          { $pull: { apiKeys: { id }, marks: { $in: [mark, markOfDigest(key.digest)] } } }
        )
        await sessions.deleteMany(ofKey(app, before._id.id, id))
      }),
    setPushRegistration: Effect.fnUntraced(function* (app, registration) {
      const _id = { app, id: registration.userId }
      const { token, ...device } = storedDevice(registration)
      const same = { $elemMatch: { deviceId: { $eq: device.deviceId }, service: { $eq: device.service } } }
      const arrayFilters = [{ "it.deviceId": device.deviceId, "it.service": device.service }]
      const change = ask(() =>
        users.updateOne({ _id, devices: same }, { $set: { "devices.$[it].token": token } }, { arrayFilters })
      )
      const add = ask(() =>
        users.updateOne({ _id, devices: { $not: same } }, { $push: { devices: { ...device, token } } })
      )
      if ((yield* change).matchedCount > 0 || (yield* add).matchedCount > 0) return
      // another server has just registered the device
      yield* change
    }),
    deletePushRegistration: (app, { deviceId, service, userId }) =>
      Effect.asVoid(
        ask(() =>
          users.updateOne(
            { _id: { app, id: userId } },
            { $pull: { devices: { deviceId: { $eq: textOf(deviceId) }, service: { $eq: textOf(service) } } } }
          )
        )
      ),
    pushRegistrations: (app) =>
      ask(async () => {
        const found = await users.find({ "_id.app": app, "devices.0": { $exists: true } }, oldestFirst).toArray()
        return found.flatMap(devicesOf)
      }),
    records: (app) => ask(() => Records.read(place, app)),
    addRecords: (app, records, options) => Records.add(place, app, records, options?.skipExisting === true)
  }
}

/** A change that needs no other. */
const alone = attempt

const atNow = <A, E>(f: (now: number) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.currentTimeMillis, f)

/** A key that another document has is an answer; any other failure is a defect. */
const orExists =
  (what: AlreadyExists["what"]) =>
  <A>(effect: Effect.Effect<A, DatabaseError>): Effect.Effect<A, AlreadyExists> =>
    Effect.catch(effect, (error) =>
      error.code === duplicateCode ? Effect.fail(new AlreadyExists({ what })) : Effect.die(error)
    )

const keyOf = ({ app, id }: UserDocument["_id"]): string => JSON.stringify({ app, id })
