/** The handlers of the client API. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { LoginOptions } from "../../protocol/internal/requests.ts"
import { Api } from "./Api.ts"
import { ApiKeys } from "../users/ApiKeys.ts"
import { authenticator, CurrentSession, CurrentUser, headerToken, ofApp } from "./Authorization.ts"
import * as Body from "./Body.ts"
import * as EmailPasswordHandlers from "./EmailPasswordHandlers.ts"
import * as FunctionHandlers from "./FunctionHandlers.ts"
import * as Location from "./Location.ts"
import { Logins } from "../users/Logins.ts"
import * as OAuthHandlers from "./OAuthHandlers.ts"
import * as PushHandlers from "./PushHandlers.ts"
import { emailAccount, RateLimits } from "./RateLimits.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import { findApp, functionRequest } from "./Requests.ts"
import { Sessions } from "../users/Sessions.ts"
import { type ApiKey, UserStore } from "../users/UserStore.ts"
import { profileData } from "../users/UserData.ts"
import { AuthEvents, deletionOf } from "../users/AuthEvents.ts"

const application = HttpApiBuilder.group(Api, "application", (handlers) =>
  Effect.map(findApp, (find) =>
    handlers.handle(
      "location",
      Effect.fnUntraced(function* ({ params, request }) {
        const { app } = yield* find(params.appId)
        return yield* Location.of(request, app.deployment)
      })
    )
  )
)

const decodeOptions = Schema.decodeUnknownOption(LoginOptions)

/** The account that a rate limit counts. If only the application can tell, equal credentials are the same account. */
const accountOf = (provider: string, payload: Readonly<Record<string, unknown>>): string | undefined => {
  if (provider === "anon-user") return undefined
  const { username } = payload
  if (provider === "local-userpass") return typeof username === "string" ? emailAccount(username) : undefined
  // a payload that is nested too deeply is rejected later, with a message
  return Result.getOrUndefined(Result.try(() => `${provider} ${JSON.stringify(payload)}`))
}

const authentication = HttpApiBuilder.group(Api, "authentication", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const logins = yield* Logins
    const sessions = yield* Sessions
    const authenticate = yield* authenticator
    const { limit } = yield* RateLimits
    return handlers.handleRaw(
      "logIn",
      Effect.fnUntraced(function* ({ params, query, request }) {
        const hosted = yield* find(params.appId)
        const { options, ...payload } = yield* Body.json(request)
        const attempt = { hosted, payload, request: functionRequest(request) }
        const account = accountOf(params.provider, payload)
        const limited = limit({ kind: "logIn", appId: hosted.app.id, request, account })
        // any value of `link` asks for a link, and must not be an ordinary login, which might be of another user
        if (query.link !== undefined && query.link !== "false") {
          const { claims, user } = yield* Effect.flatMap(authenticate(yield* headerToken), (user) =>
            ofApp(user, hosted)
          )
          const session = yield* sessions.find(hosted, claims.iss)
          return yield* sessions.answer(hosted, yield* limited(logins.link(params.provider, attempt, user)), session)
        }
        // invalid information about the device does not fail the login
        const device = Option.getOrUndefined(decodeOptions({ options }))?.options?.device
        const { identity, user } = yield* limited(logins.logIn(params.provider, attempt))
        yield* CurrentRequest.about({ app: hosted.app.id, userId: user.id })
        return yield* sessions.begin(hosted, user, identity, device?.deviceId)
      })
    )
  })
)

const session = HttpApiBuilder.group(Api, "session", (handlers) =>
  Effect.gen(function* () {
    const sessions = yield* Sessions
    const store = yield* UserStore
    const events = yield* AuthEvents
    return handlers
      .handle(
        "refresh",
        Effect.fnUntraced(function* () {
          const { hosted, session, user } = yield* CurrentSession
          return { access_token: yield* sessions.renew(hosted, user, session) }
        })
      )
      .handle(
        "logOut",
        Effect.fnUntraced(function* () {
          const { hosted, session } = yield* CurrentSession
          yield* sessions.end(hosted, session)
        })
      )
      .handle(
        "profile",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentUser
          return {
            user_id: user.id,
            domain_id: hosted.domainId,
            identities: user.identities.map(({ data, id, providerId, providerType }) => ({
              id,
              provider_type: providerType,
              provider_id: providerId,
              provider_data: data
            })),
            data: profileData(user),
            type: user.type
          }
        })
      )
      .handle(
        "deleteUser",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentUser
          yield* store.deleteUser(hosted.app.id, user.id, (deleted) =>
            events.wanted(hosted.app.id, deletionOf(deleted))
          )
        })
      )
  })
)

const apiKeys = HttpApiBuilder.group(Api, "apiKeys", (handlers) =>
  Effect.gen(function* () {
    const keys = yield* ApiKeys
    const answer = ({ disabled, id, name }: ApiKey) => ({ _id: id, name, disabled })
    return handlers
      .handleRaw(
        "create",
        Effect.fnUntraced(function* ({ request }) {
          const { hosted, user } = yield* CurrentSession
          const { name } = yield* Body.json(request)
          const created = yield* keys.create(hosted.app.id, user, name)
          return { ...answer(created), key: created.key }
        })
      )
      .handle(
        "list",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentSession
          return (yield* keys.list(hosted.app.id, user)).map(answer)
        })
      )
      .handle(
        "fetch",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, user } = yield* CurrentSession
          return answer(yield* keys.fetch(hosted.app.id, user, params.id))
        })
      )
      .handle(
        "delete",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, session, user } = yield* CurrentSession
          yield* keys.remove(hosted.app.id, session, user, params.id)
        })
      )
      .handle(
        "enable",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, session, user } = yield* CurrentSession
          yield* keys.setDisabled(hosted.app.id, session, user, params.id, false)
        })
      )
      .handle(
        "disable",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, session, user } = yield* CurrentSession
          yield* keys.setDisabled(hosted.app.id, session, user, params.id, true)
        })
      )
  })
)

/** The handlers of every group. */
export const layer = Layer.mergeAll(
  application,
  FunctionHandlers.layer,
  authentication,
  OAuthHandlers.layer,
  session,
  apiKeys,
  EmailPasswordHandlers.layer,
  PushHandlers.layer
)
