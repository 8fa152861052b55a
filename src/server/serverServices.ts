/** Puts the services of a server together. */
import * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Kdf from "effect/crypto/Kdf"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { Applications } from "./Applications.ts"
import * as OpenStreams from "./api/OpenStreams.ts"
import * as RateLimits from "./api/RateLimits.ts"
import { Database, unavailable } from "./data/Database.ts"
import { FunctionRuntime } from "./functions/FunctionRuntime.ts"
import type { App } from "./model/App.ts"
import { Apps } from "./model/Apps.ts"
import { FunctionRunner } from "./model/FunctionRunner.ts"
import * as Seeds from "./Seeds.ts"
import * as DataDirectory from "./storage/DataDirectory.ts"
import * as EventLog from "./storage/EventLog.ts"
import { RateBuckets } from "./model/RateBuckets.ts"
import { RowStore } from "./storage/RowStore.ts"
import { Admin } from "./users/Admin.ts"
import { ApiKeys } from "./users/ApiKeys.ts"
import * as Digest from "./users/Digest.ts"
import { EmailAccounts } from "./users/EmailAccounts.ts"
import { Inbox } from "./users/Inbox.ts"
import * as MailDelivery from "./users/MailDelivery.ts"
import { JwtVerifier } from "./users/JwtVerifier.ts"
import { Logins } from "./users/Logins.ts"
import * as PasswordHasher from "./users/PasswordHasher.ts"
import { OAuth } from "./users/OAuth.ts"
import * as OAuthIssuers from "./users/OAuthIssuers.ts"
import { PublishedKeys } from "./users/PublishedKeys.ts"
import { PendingLogins, RedirectLogins } from "./users/RedirectLogins.ts"
import { Sessions } from "./users/Sessions.ts"
import { SigningKeys } from "./users/SigningKeys.ts"
import { UserStore } from "./users/UserStore.ts"
import { Tokens } from "./users/Tokens.ts"
import { Users } from "./users/Users.ts"
import { TriggerPositions } from "./triggers/TriggerPositions.ts"
import { Triggers } from "./triggers/Triggers.ts"
import { AuthEventLog } from "./users/AuthEventLog.ts"
import { AuthEvents } from "./users/AuthEvents.ts"
import type { Options } from "./ServerOptions.ts"

const limitsOf = ({ age, bytes, events }: NonNullable<Options["changeLog"]>): EventLog.Limits => ({
  events: events ?? EventLog.defaultLimits.events,
  bytes: bytes === undefined ? EventLog.defaultLimits.bytes : ByteSize.toNumberUnsafe(ByteSize.fromInputUnsafe(bytes)),
  age: age === undefined ? EventLog.defaultLimits.age : Duration.fromInputUnsafe(age)
})

/**
 * Everything behind the routes, built once for all applications.
 *
 * @param clock decides what of a data directory has expired
 * @param outside the services of the program that starts the server, which run what no request causes
 */
export const layer = (
  apps: ReadonlyArray<App>,
  {
    changeLog,
    coordination,
    dataDirectory,
    database,
    functionMemoryLimit,
    functionTimeLimit,
    mailer,
    passwordHashing,
    rateLimits,
    signingKey,
    streams,
    users: otherUsers
  }: Options,
  issuers: OAuthIssuers.Issuers,
  clock: Clock.Clock,
  outside: Context.Context<never>
) => {
  const random = SecureRandom.layerWebCrypto
  const rowStore = dataDirectory === undefined ? RowStore.layerNone : DataDirectory.layer(dataDirectory)
  const limits = Layer.succeed(EventLog.CurrentLimits, limitsOf(changeLog ?? {}))
  const appsLayer = Apps.layer(apps)
  const ofOthers = <A, E>(layer: Layer.Layer<A, E>) => Layer.provide(layer, Layer.succeedContext(outside))
  const kept = Layer.mergeAll(UserStore.layer, SigningKeys.layer(signingKey), AuthEventLog.layer)
  const users = Layer.provideMerge(
    Layer.mergeAll(AuthEvents.layer, RedirectLogins.layer),
    otherUsers === undefined
      ? Layer.provide(Layer.mergeAll(kept, PendingLogins.layerMemory, Inbox.layer), Layer.succeed(Clock.Clock, clock))
      : ofOthers(otherUsers)
  )
  const platform = Layer.mergeAll(
    Layer.provideMerge(users, appsLayer),
    // each request has a tag to verify: synchronously, where Web Crypto would take a thread and back
    Mac.layerWebCryptoWith({ hmac: Digest.hmac }),
    PasswordHasher.PasswordHasher.layerCost(PasswordHasher.costs[passwordHashing ?? "standard"]),
    // what it logs by itself is in the log of the server
    database === undefined ? Database.layer : ofOthers(database),
    RateLimits.RateLimits.layer(rateLimits).pipe(
      Layer.provideMerge(
        coordination === undefined
          ? Layer.mergeAll(TriggerPositions.layer(), RateBuckets.layerMemory)
          : ofOthers(coordination)
      )
    ),
    OpenStreams.OpenStreams.layer(streams),
    Layer.mergeAll(JwtVerifier.layer, OAuth.layer).pipe(
      Layer.provide(PublishedKeys.layer),
      Layer.provide([FetchHttpClient.layer, Layer.succeed(OAuthIssuers.OAuthIssuers, issuers)])
    )
  ).pipe(Layer.provideMerge([random, Kdf.layerWebCrypto, rowStore, limits]))
  const delivery = mailer === undefined ? Layer.empty : Layer.provide(MailDelivery.layer(outside), mailer)
  return Layer.mergeAll(
    Logins.layer,
    Sessions.layer,
    ApiKeys.layer,
    Admin.layer,
    Applications.layer(outside),
    delivery
  ).pipe(
    Layer.provideMerge(Triggers.layer(outside)),
    Layer.provideMerge(EmailAccounts.layer),
    Layer.provideMerge(Users.layer),
    Layer.provideMerge([Tokens.layer, layerFunctionRunner]),
    Layer.provideMerge(FunctionRuntime.layer({ timeLimit: functionTimeLimit, memoryLimit: functionMemoryLimit })),
    Layer.provideMerge(
      database === undefined
        ? Layer.effectDiscard(Effect.catchTag(Seeds.plant(apps), "DatabaseError", Effect.die))
        : Layer.empty
    ),
    Layer.provideMerge(platform)
  )
}

const layerFunctionRunner = Layer.effect(
  FunctionRunner,
  Effect.map(FunctionRuntime, ({ run }) =>
    FunctionRunner.of({
      // no refusal: the request that needs the function is answered as all are that do not reach the database
      run: (...call) =>
        Effect.catch(run(...call), (error) =>
          error.unavailable === true ? Effect.die(unavailable()) : Effect.fail(error)
        )
    })
  )
)
