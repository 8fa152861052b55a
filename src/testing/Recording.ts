/**
 * Records traffic with a real host once, and replays it in tests, without its secrets.
 *
 * Replaced everywhere, each value by the same stand-in each time: tokens (their claims stay, their signatures are removed),
 * the values of secret fields (`password`, `token`, `key`, ...), the payload of a custom function login, e-mail addresses, and
 * ids of 24 hexadecimal digits. Headers of requests are not recorded. Event streams pass through unrecorded.
 *
 * @example
 * ```ts
 * import { AppServices, AuthApi, Credentials } from "effect-app-services"
 * import { Recording } from "effect-app-services/testing"
 * import { Effect, Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.anonymous()))
 *   return yield* user.functions.sum(20, 22)
 * })
 * const options = { appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }
 *
 * // once, with a host
 * const Live = AppServices.layer({ ...options, transformClient: Recording.watch }).pipe(Layer.provide(FetchHttpClient.layer))
 * const recorded = Recording.record(Effect.provide(program, Live)).pipe(
 *   Effect.map(([, recording]) => Recording.stringify(recording)) // to be kept in a file
 * )
 *
 * // in tests, with none
 * const replayed = (json: string) =>
 *   program.pipe(Effect.provide(AppServices.layer(options).pipe(Layer.provide(Recording.layer(Recording.parse(json))))))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Recorded from "./internal/recorded.ts"

/**
 * A request and its answer. The path includes the query.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Exchange = Schema.Struct({
  request: Schema.Struct({ method: Schema.String, path: Schema.String, body: Schema.optionalKey(Schema.String) }),
  response: Schema.Struct({
    status: Schema.Int,
    headers: Schema.Record(Schema.String, Schema.String),
    body: Schema.String
  })
})

/**
 * Recorded traffic: the exchanges in the order of their requests.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Recording = Schema.Struct({ version: Schema.Literal(1), exchanges: Schema.Array(Exchange) })

/**
 * Recorded traffic: the exchanges in the order of their requests.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recording extends Schema.Schema.Type<typeof Recording> {}

const RecordingText = Schema.fromJsonString(Recording)

/**
 * Parses the JSON of a recording. Throws a `SchemaError` if it is not one.
 *
 * @category converting
 * @since 0.1.0
 */
export const parse: (json: string) => Recording = Schema.decodeUnknownSync(RecordingText)

/**
 * Formats a recording as indented JSON, so that its changes show in a diff.
 *
 * @category converting
 * @since 0.1.0
 */
export const stringify = (recording: Recording): string => `${JSON.stringify(recording, undefined, 2)}\n`

/**
 * A request has no answer in the recording, or has used it already. It is a defect, so that code under test cannot handle it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotRecorded extends Schema.TaggedError<NotRecorded>()("NotRecorded", { message: Schema.String }) {}

type Listen = (exchange: typeof Exchange.Type) => void

/** The recorder of the running program. */
const Listener = Context.Reference<Listen | undefined>("effect-app-services/testing/Recording/Listener", {
  defaultValue: () => undefined
})

/**
 * What is replaced besides. Pass {@link layer} the same options as {@link record}.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Texts such as an account number or a name, replaced everywhere: in paths, bodies and claims of tokens. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted | string> | undefined
}

/**
 * Runs a program and returns its result with the exchanges of the clients that {@link watch}. Fails as the program does.
 *
 * @category recording
 * @since 0.1.0
 */
export const record = Effect.fnUntraced(function* <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options?: Options
): Effect.fn.Return<readonly [result: A, recording: Recording], E, R> {
  const exchanges: Array<typeof Exchange.Type> = []
  const clean = cleaning(standIns(), options)
  const listen: Listen = ({ request, response }) => {
    exchanges.push({
      request: {
        method: request.method,
        path: clean(request.path),
        ...(request.body !== undefined && { body: clean(Recorded.keptBody(request.path, request.body)) })
      },
      response: { ...response, body: clean(response.body) }
    })
  }
  const result = yield* Effect.updateService(program, Listener, () => listen)
  return [result, { version: 1, exchanges }]
})

/**
 * Reports exchanges to {@link record}: for `transformClient` of `AppServices.Options`. It changes no request and no answer.
 *
 * @category recording
 * @since 0.1.0
 */
export const watch = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(client, (send, request) =>
    Effect.tap(send, (response) =>
      Effect.flatMap(Listener, (listen) =>
        listen === undefined || /event-stream/.test(response.headers["content-type"] ?? "")
          ? Effect.void
          : Effect.ignore(
              Effect.map(response.text, (body) =>
                listen({
                  request: sent(request),
                  response: { status: response.status, headers: kept(response.headers), body }
                })
              )
            )
      )
    )
  )

/**
 * An `HttpClient` that answers from a recording, each exchange once, whatever the host name.
 *
 * A request is answered by the first unused exchange with the same method, path, query and body. Replaced values, the order of
 * keys and the device information of a login (platform, version of this package) are not compared, so that a recording can be
 * replayed on other machines and with later releases. Any other request is the defect {@link NotRecorded}, which names the
 * differences from the most similar recorded request.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (recording: Recording, options?: Options): Layer.Layer<HttpClient.HttpClient> =>
  Layer.sync(HttpClient.HttpClient, () => {
    const clean = cleaning(anyone, options)
    const comparable = ({ body, method, path }: Sent) =>
      Recorded.comparable(method, clean(path), body === undefined ? undefined : clean(body))
    const exchanges = recording.exchanges.map(({ request, response }) => ({ request: comparable(request), response }))
    const left = [...exchanges]
    return HttpClient.make((request) =>
      Effect.suspend(() => {
        const actual = comparable(sent(request))
        const index = left.findIndex((it) => Recorded.differences(it.request, actual).length === 0)
        const [exchange] = index === -1 ? [] : left.splice(index, 1)
        if (exchange === undefined) {
          const requests = (them: typeof exchanges) => them.map(({ request }) => request)
          const message = Recorded.explain(actual, { all: requests(exchanges), left: requests(left) })
          return Effect.die(new NotRecorded({ message }))
        }
        const { body, headers, status } = exchange.response
        const empty = body === "" || status === 204
        return Effect.succeed(
          HttpClientResponse.fromWeb(request, new Response(empty ? null : body, { status, headers }))
        )
      })
    )
  })

type Sent = (typeof Exchange.Type)["request"]

const sent = (request: HttpClientRequest.HttpClientRequest): Sent => ({
  method: request.method,
  path: pathOf(request),
  ...(request.body._tag === "Uint8Array" && { body: new TextDecoder().decode(request.body.body) })
})

const pathOf = ({ url, urlParams }: HttpClientRequest.HttpClientRequest): string => {
  const { pathname, searchParams } = new URL(url)
  for (const [name, value] of urlParams.params)
    searchParams.append(name, Redacted.isRedacted(value) ? Redacted.value(value) : value)
  const query = Array.from(searchParams, ([name, value]) =>
    /^(?:baas|stitch)_request$/.test(name)
      ? `${name}=${Result.getOrElse(Base64.decodeString(value), () => value)}`
      : `${name}=${value}`
  )
  return query.length === 0 ? pathname : `${pathname}?${query.join("&")}`
}

const kept = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    ["content-type", "retry-after"].flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))
  )

type Clean = (text: string) => string

/** The replacements of ids, addresses and tokens. */
interface StandIns {
  readonly id: (id: string) => string
  readonly email: (email: string) => string
  readonly token: (token: string, clean: Clean) => string
}

/** Numbered replacements, the same for the same value. */
const standIns = (): StandIns => {
  const numbered = () => {
    const seen = new Map<string, number>()
    return (text: string): number => {
      const number = seen.get(text) ?? seen.size + 1
      seen.set(text, number)
      return number
    }
  }
  const ids = numbered()
  const emails = numbered()
  return {
    id: (id) => (/^0+$/.test(id) ? id : ids(id.toLowerCase()).toString(16).padStart(24, "0")),
    email: (email) => `person-${emails(email)}@example.com`,
    token: withoutSignature
  }
}

/** One replacement for all values of a kind: for comparing. */
const anyone: StandIns = { id: () => "ID", email: () => "EMAIL", token: () => "TOKEN" }

const secretFields =
  /("(?:password|token|tokenId|key|access_token|refresh_token|id_token|accessToken|authCode|registrationToken|secret|apiKey)"\s*:\s*)"(?:[^"\\]|\\.)*"/g
const tokens = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g
const ids = /(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])/gi
const emails = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g

const cleaning = (names: StandIns, { secrets = [] }: Options = {}): Clean => {
  const texts = secrets
    .map((secret) => (Redacted.isRedacted(secret) ? Redacted.value(secret) : secret))
    .flatMap((text) => [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)])
    .filter((text) => text !== "")
    // one secret may be part of another
    .toSorted((a, b) => b.length - a.length)
  const clean = (text: string): string => {
    const held: Array<string> = []
    const hold = (token: string) => `\uE000${held.push(token) - 1}\uE000`
    return texts
      .reduce((rest, secret) => rest.replaceAll(secret, "recorded"), text)
      .replaceAll(tokens, (token) => hold(names.token(token, clean)))
      .replaceAll(secretFields, (field, name: string) => (field.includes("\uE000") ? field : `${name}"recorded"`))
      .replaceAll(emails, names.email)
      .replaceAll(ids, names.id)
      .replaceAll(/\uE000(\d+)\uE000/g, (_, index: string) => held[Number(index)] ?? "")
  }
  return clean
}

const withoutSignature = (token: string, clean: Clean): string => {
  const [header = "", payload = ""] = token.split(".")
  return Result.match(Base64Url.decodeString(payload), {
    onSuccess: (claims) => `${header}.${Base64Url.encode(clean(claims))}.recorded`,
    onFailure: () => "recorded"
  })
}
