/**
 * The handlers of everything that accounts with e-mail and password need besides logging in.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import { RegisterPayload } from "../protocol/Provider.ts"
import { Api, ConfirmPayload, EmailPayload, ResetPayload } from "./Api.ts"
import { BadRequest, body } from "./ApiErrors.ts"
import * as Body from "./Body.ts"
import { EmailAccounts } from "./EmailAccounts.ts"
import { findApp, functionRequest } from "./Requests.ts"

const decodeAccount = Body.decode(RegisterPayload)
const decodeEmail = Body.decode(EmailPayload)
const decodeConfirmation = Body.decode(ConfirmPayload)
const decodeReset = Body.decode(ResetPayload)
const isArguments = Schema.is(Schema.Array(Schema.Unknown))

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = HttpApiBuilder.group(Api, "emailPassword", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const accounts = yield* EmailAccounts

    const placeOf = Effect.fnUntraced(function* (
      { appId }: { readonly appId: string },
      request: HttpServerRequest.HttpServerRequest
    ) {
      return { hosted: yield* find(appId), request: functionRequest(request) }
    })

    return handlers
      .handleRaw(
        "register",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          yield* accounts.register(place, yield* Effect.flatMap(Body.json(request), decodeAccount))
          return {}
        })
      )
      .handleRaw(
        "confirm",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          yield* accounts.confirm(place, yield* Effect.flatMap(Body.json(request), decodeConfirmation))
        })
      )
      .handleRaw(
        "confirmSend",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          yield* accounts.sendConfirmation(place, email)
          return {}
        })
      )
      .handleRaw(
        "confirmCall",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          return { status: yield* accounts.callConfirmation(place, email) }
        })
      )
      .handleRaw(
        "reset",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          const { password, ...token } = yield* Effect.flatMap(Body.json(request), decodeReset)
          yield* accounts.reset(place, token, password)
        })
      )
      .handleRaw(
        "resetSend",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          const { email } = yield* Effect.flatMap(Body.json(request), decodeEmail)
          yield* accounts.sendReset(place, email)
          return {}
        })
      )
      .handleRaw(
        "resetCall",
        Effect.fnUntraced(function* ({ params, request }) {
          const place = yield* placeOf(params, request)
          const { arguments: args = [], ...rest } = yield* Body.ejson(request)
          const account = yield* decodeAccount(rest)
          if (!isArguments(args)) return yield* new BadRequest(body("'arguments' must be an array", "InvalidParameter"))
          return { status: yield* accounts.callReset(place, account, args) }
        })
      )
  })
)
