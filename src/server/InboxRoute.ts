/**
 * The inbox over HTTP: for people and scripts on the machine that the server runs on.
 *
 * Whoever reads the inbox can take over accounts, so the route answers to this machine only, and not to what merely
 * passes through it: neither to a proxy's clients nor to web pages that a browser shows here.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { body } from "./ApiErrors.ts"
import { Inbox, Message } from "./Inbox.ts"

const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.Array(Message)))

const loopbackPeer = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/i
// a page of another host that a resolver leads to this machine still says its own name
const loopbackHost = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?$/i
const foreign = ["origin", "forwarded", "x-forwarded-for", "x-forwarded-host", "via"]

const isLocal = ({ headers, remoteAddress }: HttpServerRequest.HttpServerRequest): boolean =>
  loopbackPeer.test(Option.getOrElse(remoteAddress, () => "")) &&
  loopbackHost.test(headers["host"] ?? "") &&
  !foreign.some((name) => name in headers)

/**
 * `GET /inbox.json`, with `?app=APP_ID` for one application's messages.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Inbox | HttpRouter.HttpRouter> = Layer.unwrap(
  Effect.map(Inbox, (inbox) =>
    HttpRouter.add(
      "GET",
      "/inbox.json",
      Effect.gen(function* () {
        if (!isLocal(yield* HttpServerRequest.HttpServerRequest)) {
          return HttpServerResponse.jsonUnsafe(body("the inbox can be read on the server's own machine only"), {
            status: 403
          })
        }
        const { app } = yield* HttpServerRequest.ParsedSearchParams
        const messages = yield* inbox.messages(typeof app === "string" ? app : undefined)
        return HttpServerResponse.text(yield* Effect.orDie(encode(messages)), {
          contentType: "application/json",
          headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" }
        })
      })
    )
  )
)
