/**
 * The service `gcm`: push messages through Firebase Cloud Messaging. The interface that the hosted service used, with the key of
 * a server, was switched off in 2024, so messages are sent through its successor, HTTP v1, with a service account: the
 * secret of the setting `apiKey` is the account's JSON key.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { sign } from "node:crypto"
import { isDocument } from "../../data/internal/bson.ts"
import type { Service } from "../../model/Service.ts"
import { answerOf } from "./remote.ts"
import { endpointOf, failed, secretOf, type ServiceError } from "./ServiceError.ts"

const Account = Schema.Struct({
  client_email: Schema.String,
  private_key: Schema.String,
  project_id: Schema.String,
  token_uri: Schema.String
})
type Account = typeof Account.Type

const decodeAccount = Schema.decodeUnknownOption(Schema.Union([Account, Schema.fromJsonString(Account)]))

/** A registered device. */
export interface Registration {
  readonly service: string
  readonly userId: string
  readonly token: Redacted.Redacted
}

const scope = "https://www.googleapis.com/auth/firebase.messaging"

/** Sends a message to `to`, `registrationTokens`, or the devices of `userIds`; answers how many succeeded. */
export const send = Effect.fnUntraced(function* (
  service: Service,
  message: unknown,
  registrations: Effect.Effect<ReadonlyArray<Registration>>
): Effect.fn.Return<{ readonly successes: number; readonly failures: number }, ServiceError, HttpClient.HttpClient> {
  const secret = secretOf(service, "apiKey")
  const account = Option.getOrUndefined(decodeAccount(secret === undefined ? undefined : Redacted.value(secret)))
  if (account === undefined) {
    return yield* failed(
      `the service "${service.name}" needs the JSON key of a Firebase service account as the secret of "apiKey": ` +
        "Firebase switched off the interface that takes the key of a server"
    )
  }
  const fields = isDocument(message) ? message : {}
  const targets = yield* targetsOf(service, fields, registrations)
  const token = yield* accessToken(account)
  const url = `${endpointOf(service, "https://fcm.googleapis.com")}/v1/projects/${encodeURIComponent(account.project_id)}/messages:send`
  const common = contentOf(fields)
  const results = yield* Effect.forEach(
    targets,
    (target) =>
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.bearerToken(token),
        HttpClientRequest.bodyJson({ message: { ...target, ...common } }),
        Effect.mapError(() => failed("the message cannot be sent as JSON")),
        Effect.flatMap(answerOf),
        // why it failed, if it did
        Effect.map(({ body, status }) => (status >= 200 && status < 300 ? undefined : whyOf(status, body)))
      ),
    { concurrency: 5 }
  )
  const failures = results.filter((it) => it !== undefined)
  if (failures.length === targets.length && failures[0] !== undefined) return yield* failed(failures[0])
  return { successes: targets.length - failures.length, failures: failures.length }
})

const whyOf = (status: number, body: unknown): string => {
  const error = isDocument(body) ? body["error"] : undefined
  const said = isDocument(error) ? (error["message"] ?? error["status"]) : undefined
  return `Firebase answered ${status}${typeof said === "string" ? `: ${said}` : ""}`
}

type Target = { readonly token: string } | { readonly topic: string } | { readonly condition: string }

const targetsOf = Effect.fnUntraced(function* (
  service: Service,
  { condition, registrationTokens, to, userIds }: Readonly<Record<string, unknown>>,
  registrations: Effect.Effect<ReadonlyArray<Registration>>
) {
  const targets: Array<Target> = []
  if (typeof to === "string") {
    targets.push(to.startsWith("/topics/") ? { topic: to.slice("/topics/".length) } : { token: to })
  }
  if (typeof condition === "string") targets.push({ condition })
  for (const token of Array.isArray(registrationTokens) ? registrationTokens : []) targets.push({ token: `${token}` })
  if (Array.isArray(userIds)) {
    const users = new Set(userIds.map(String))
    for (const it of yield* registrations) {
      if (it.service === service.name && users.has(it.userId)) targets.push({ token: Redacted.value(it.token) })
    }
    // users without a device are not an error
    if (targets.length === 0) return targets
  }
  return targets.length > 0
    ? targets
    : yield* failed('send takes { notification, data, ... } and a recipient: "to", "registrationTokens" or "userIds"')
})

/** The message of HTTP v1 from one in the older form. */
const contentOf = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const { collapseKey, contentAvailable, data, mutableContent, notification, priority, timeToLive } = fields
  const { badge, body, image, sound, tag, title, ...rest } = isDocument(notification) ? notification : {}
  const android = {
    collapse_key: collapseKey,
    priority: priority === "high" ? "HIGH" : priority === "normal" ? "NORMAL" : undefined,
    ttl: timeToLive === undefined ? undefined : `${Number(timeToLive)}s`,
    notification: notification === undefined ? undefined : { ...rest, sound, tag }
  }
  const aps = {
    badge: badge === undefined ? undefined : Number(badge),
    sound,
    "content-available": contentAvailable === true ? 1 : undefined,
    "mutable-content": mutableContent === true ? 1 : undefined
  }
  return {
    notification: notification === undefined ? undefined : { title, body, image },
    // values have to be texts
    data: isDocument(data)
      ? Object.fromEntries(
          Object.entries(data).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])
        )
      : undefined,
    android,
    apns: { payload: { aps } }
  }
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** An access token for the account. */
const accessToken = Effect.fnUntraced(function* (account: Account) {
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const claims = { iss: account.client_email, scope, aud: account.token_uri, iat: now, exp: now + 3600 }
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`
  const signature = yield* Effect.try({
    try: () => sign("sha256", Buffer.from(text), account.private_key).toString("base64url"),
    catch: () => failed('the "private_key" of the service account is not a key')
  })
  const { body, status } = yield* answerOf(
    HttpClientRequest.post(account.token_uri).pipe(
      HttpClientRequest.bodyUrlParams({
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        assertion: `${text}.${signature}`
      })
    )
  )
  const token = isDocument(body) ? body["access_token"] : undefined
  return typeof token === "string"
    ? token
    : yield* failed(`the service account got no access token: its issuer answered ${status}`)
})
