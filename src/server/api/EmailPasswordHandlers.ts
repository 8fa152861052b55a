/** The handlers for accounts with e-mail address and password: registration, confirmation, password reset. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import { RegisterPayload } from "../../protocol/internal/requests.ts"
import { Api, ConfirmPayload, EmailPayload, ResetPayload } from "./Api.ts"
import { BadRequest, body } from "../model/ApiErrors.ts"
import * as Body from "./Body.ts"
import * as Payload from "../model/Payload.ts"
import { EmailAccounts } from "../users/EmailAccounts.ts"
import { emailAccount, RateLimits } from "./RateLimits.ts"
import { findApp, functionRequest } from "./Requests.ts"

const decodeAccount = Payload.decode(RegisterPayload)
const decodeEmail = Payload.decode(EmailPayload)
const decodeConfirmation = Payload.decode(ConfirmPayload)
const decodeReset = Payload.decode(ResetPayload)
const isArguments = Schema.is(Schema.Array(Schema.Unknown))

export const layer = HttpApiBuilder.group(Api, "emailPassword", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const accounts = yield* EmailAccounts
    const { limit } = yield* RateLimits

    const originOf = Effect.fnUntraced(function* (
      { appId }: { readonly appId: string },
      request: HttpServerRequest.HttpServerRequest
    ) {
      return { hosted: yield* find(appId), request: functionRequest(request) }
    })

    const byEmail = (
      kind: "register" | "email",
      { appId }: { readonly appId: string },
      request: HttpServerRequest.HttpServerRequest,
      email: string
    ) => limit({ kind, appId, request, account: emailAccount(email) })

    const byToken = (
      { appId }: { readonly appId: string },
      request: HttpServerRequest.HttpServerRequest,
      { tokenId }: { readonly tokenId: string }
    ) => limit({ kind: "token", appId, request, account: tokenId })

    return handlers
      .handleRaw(
        "register",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const account = yield* Effect.flatMap(Body.json(request), decodeAccount)
          yield* byEmail("register", params, request, account.email)(accounts.register(origin, account))
          return {}
        })
      )
      .handleRaw(
        "confirm",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const token = yield* Effect.flatMap(Body.json(request), decodeConfirmation)
          yield* byToken(params, request, token)(accounts.confirm(origin, token))
        })
      )
      .handleRaw(
        "confirmSend",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          yield* byEmail("email", params, request, email)(accounts.sendConfirmation(origin, email))
          return {}
        })
      )
      .handleRaw(
        "confirmCall",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          return { status: yield* byEmail("email", params, request, email)(accounts.callConfirmation(origin, email)) }
        })
      )
      .handleRaw(
        "reset",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const { password, ...token } = yield* Effect.flatMap(Body.json(request), decodeReset)
          yield* byToken(params, request, token)(accounts.reset(origin, token, password))
        })
      )
      .handleRaw(
        "resetSend",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          yield* byEmail("email", params, request, email)(accounts.sendReset(origin, email))
          return {}
        })
      )
      .handleRaw(
        "resetCall",
        Effect.fnUntraced(function* ({ params, request }) {
          const origin = yield* originOf(params, request)
          const { arguments: given, ...rest } = yield* Body.ejson(request)
          const args = given ?? []
          const account = yield* decodeAccount(rest)
          if (!isArguments(args)) return yield* new BadRequest(body("'arguments' must be an array", "InvalidParameter"))
          return {
            status: yield* byEmail("email", params, request, account.email)(accounts.callReset(origin, account, args))
          }
        })
      )
  })
)
