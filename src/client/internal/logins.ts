import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Answers from "../../protocol/internal/answers.ts"
import { routes } from "../../protocol/internal/routes.ts"
import { AppServicesError, InvalidArguments, InvalidResponse } from "../AppServicesError.ts"
import type { Credentials } from "../Credentials.ts"
import type { Service as Profiles } from "../ProfileApi.ts"
import { decodeAnswer } from "../ProtocolClient.ts"
import type { Operation, Service as Client } from "../ProtocolClient.ts"
import type { Service as Sessions } from "../Sessions.ts"
import type { AppTokens, StoredUser } from "../TokenStore.ts"
import type { Service as Events } from "../UserEvents.ts"
import { deviceInformation } from "./device.ts"
import * as Requests from "./requests.ts"
import { isAnonymous } from "./transitions.ts"
import { fromStore } from "./users.ts"

/**
 * What logins need.
 *
 * @internal
 */
export interface LoginServices {
  readonly tokens: AppTokens
  readonly sessions: Sessions
  readonly events: Events
  readonly profiles: Profiles
}

const decodeLoggedIn = decodeAnswer(Answers.LoggedIn)
const decodeLinked = decodeAnswer(Answers.Linked)

/** The request of a login, or with a token that of a link. */
const sendLogin = Effect.fnUntraced(function* <A>(
  client: Client,
  tokens: AppTokens,
  operation: Operation,
  { payload, providerType, secrets }: Credentials,
  decode: Requests.Request<string, A>["decode"],
  token?: Redacted.Redacted
) {
  const deviceId = yield* fromStore(operation.name)(tokens.deviceId)
  const device = deviceInformation(client.appId, Option.getOrUndefined(deviceId))
  const options = {
    device: { ...device, ...(device.deviceId !== undefined && { deviceId: { $oid: device.deviceId } }) }
  }
  const request = {
    operation,
    method: "POST",
    route: routes.logIn,
    parameters: { appId: client.appId, provider: providerType },
    ...(token !== undefined && { query: { link: Redacted.make("true") } }),
    body: { ...Redacted.value(payload), options },
    secrets,
    decode
  } as const
  return yield* Requests.send(client, request, token)
})

/**
 * The most recent user that is logged in and fits.
 *
 * @internal
 */
export const findLoggedIn = Effect.fnUntraced(function* (
  tokens: AppTokens,
  operation: string,
  fits: (user: StoredUser) => boolean
) {
  const read = fromStore(operation)
  for (const userId of yield* read(tokens.userIds)) {
    const user = yield* read(tokens.get(userId))
    if (Option.isSome(user) && user.value.session !== undefined && fits(user.value)) return Option.some(userId)
  }
  return Option.none<string>()
})

/** @internal */
export const makeCurrent = Effect.fnUntraced(function* (
  { events, tokens }: LoginServices,
  operation: string,
  userId: string
) {
  const switched = { _tag: "Switched" } as const
  yield* fromStore(operation)(
    tokens.modify(userId, (user) => [undefined, user], { promote: true, announce: () => [switched] })
  )
  yield* events.publish(userId, switched)
})

/**
 * Logs a user in, or finds the anonymous user to reuse. Returns the user's id.
 *
 * @internal
 */
export const logIn = Effect.fnUntraced(function* (client: Client, services: LoginServices, credentials: Credentials) {
  const { sessions, tokens } = services
  const operation = { name: "AuthApi.logIn", kind: "login" } as const
  yield* Effect.annotateCurrentSpan("app_services.provider", credentials.providerType)
  const present = credentials.reuse === true ? yield* findLoggedIn(tokens, operation.name, isAnonymous) : Option.none()
  if (Option.isSome(present)) {
    yield* makeCurrent(services, operation.name, present.value)
    return present.value
  }
  const login = yield* sendLogin(client, tokens, operation, credentials, decodeLoggedIn)
  return yield* sessions.begin(operation.name, login, credentials.providerType)
})

/** @internal */
export const linkCredentials = Effect.fn("AuthApi.linkCredentials")(function* (
  client: Client,
  { profiles, sessions, tokens }: LoginServices,
  userId: string,
  credentials: Credentials
) {
  const operation = { name: "AuthApi.linkCredentials", kind: "link" } as const
  const fail = (reason: InvalidArguments | InvalidResponse) =>
    new AppServicesError({ operation: operation.name, reason })
  if (credentials.providerType === "anon-user") {
    return yield* fail(new InvalidArguments({ problem: "anonymous credentials cannot be added to a user" }))
  }
  // a refused link may look like a refused token, so it is not sent again
  const token = yield* sessions.accessToken(operation.name, userId)
  const linked = yield* sendLogin(client, tokens, operation, credentials, decodeLinked, token)
  if (linked.user_id !== userId) {
    return yield* fail(new InvalidResponse({ status: 200, problem: "the answer to a link is about another user" }))
  }
  yield* sessions.link(operation.name, userId, linked.access_token, credentials.providerType)
  yield* profiles.refresh(userId)
})

/** @internal */
export const deleteUser = Effect.fnUntraced(function* (client: Client, { sessions }: LoginServices, userId: string) {
  const operation = "AuthApi.deleteUser"
  yield* Requests.make(client, sessions).asUser(userId, {
    operation: { name: operation, kind: "general" },
    method: "DELETE",
    route: routes.deleteUser,
    parameters: {},
    decode: Requests.ignoreAnswer
  })
  yield* sessions.end(operation, userId, "forget")
})
