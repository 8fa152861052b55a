/** The service `twilio`: sends text messages. */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Service } from "../../model/Service.ts"
import { answerOf } from "./remote.ts"
import { endpointOf, failed, missing, secretTextOf, type ServiceError, textOf } from "./ServiceError.ts"

const decodeMessage = Schema.decodeUnknownOption(
  Schema.Struct({ to: Schema.String, from: Schema.String, body: Schema.String })
)

const decodeFailure = Schema.decodeUnknownOption(
  Schema.Struct({ message: Schema.String, code: Schema.optional(Schema.Finite) })
)

/** Sends `{ to, from, body }`, and answers nothing, as the hosted service did. */
export const send = Effect.fnUntraced(function* (
  service: Service,
  message: unknown
): Effect.fn.Return<void, ServiceError, HttpClient.HttpClient> {
  const sid = textOf(service, "sid")
  const token = secretTextOf(service, "auth_token")
  if (sid === undefined) return yield* missing(service, "sid")
  if (token === undefined) return yield* missing(service, "auth_token")
  const fields = Option.getOrUndefined(decodeMessage(message))
  if (fields === undefined) return yield* failed("send takes { to, from, body }, which are texts")
  const base = endpointOf(service, "https://api.twilio.com")
  const request = HttpClientRequest.post(`${base}/2010-04-01/Accounts/${encodeURIComponent(sid)}/Messages.json`).pipe(
    HttpClientRequest.basicAuth(sid, token),
    HttpClientRequest.bodyUrlParams({ To: fields.to, From: fields.from, Body: fields.body })
  )
  const { body, status } = yield* answerOf(request)
  if (status >= 200 && status < 300) return
  const said = Option.match(decodeFailure(body), {
    onNone: () => "",
    onSome: ({ code, message }) => `: ${message}${code === undefined ? "" : `, code ${code}`}`
  })
  return yield* failed(`Twilio answered ${status}${said}`)
})
