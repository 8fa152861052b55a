/**
 * Looks for secrets where none may be: runs a program with canaries, and fails if one shows up in what it logs, traces,
 * prints, answers or fails with.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
 * import { App } from "effect-app-services/server"
 * import { LeakCheck, TestServer } from "effect-app-services/testing"
 * import { Effect } from "effect"
 *
 * const app = App.make({ id: "my-app", providers: { emailPassword: true } })
 *
 * const test = LeakCheck.run((canary) =>
 *   Effect.gen(function*() {
 *     const account = { email: "ada@example.com", password: canary("password") }
 *     yield* EmailPasswordApi.use((api) => api.registerUser(account))
 *     const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.emailPassword(account)))
 *     yield* Effect.log("logged in", user)
 *   }).pipe(Effect.provide(TestServer.layer(app, { transformClient: LeakCheck.watchTokens })))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"

/**
 * Secrets that showed. The message names each with its place, and holds none.
 *
 * @category errors
 * @since 0.1.0
 */
export class SecretLeaked extends Schema.TaggedError<SecretLeaked>()("SecretLeaked", {
  message: Schema.String,
  leaks: Schema.Array(Schema.Struct({ secret: Schema.String, place: Schema.String }))
}) {}

/**
 * Makes a secret that nothing else looks like; the label is what a leak is reported as.
 *
 * @category models
 * @since 0.1.0
 */
export type Canary = (label: string) => Redacted.Redacted

/** The secrets of the program that runs, by text. */
const Secrets = Context.Reference<Map<string, string> | undefined>("effect-app-services/testing/LeakCheck/Secrets", {
  defaultValue: () => undefined
})

/**
 * Runs a program, and looks at every log line, every span, what is printed through `Console`, and the result or failure
 * as they are inspected, turned into JSON and into text. Fails with {@link SecretLeaked} if a canary shows, in clear, in
 * base64 or percent-encoded; otherwise it ends as the program does. The program logs at every level meanwhile.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* <A, E, R>(program: (canary: Canary) => Effect.Effect<A, E, R>) {
  const secrets = new Map<string, string>()
  const shown: Array<readonly [place: string, text: string]> = []
  const spans: Array<Tracer.NativeSpan> = []
  const show = (place: string, value: unknown) => shown.push([place, textsOf(value)])
  const random = yield* Effect.provide(SecureRandom.SecureRandom, SecureRandom.layerWebCrypto)
  const mark = yield* random.uuidV4()
  const canary: Canary = (label) => {
    const text = `canary-${mark}-${secrets.size}`
    secrets.set(text, label)
    return Redacted.make(text)
  }
  const logger = Logger.make((options) => {
    show("a log line", options.message)
    shown.push(["a log line", Logger.formatJson.log(options)], ["the cause of a log line", Cause.pretty(options.cause)])
  })
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const printer: Console.Console = new Proxy(console, {
    get:
      (_, method) =>
      (...args: ReadonlyArray<unknown>) =>
        void show(`console.${String(method)}`, args)
  })
  const exit = yield* Effect.exit(Effect.suspend(() => program(canary))).pipe(
    Effect.provideService(Secrets, secrets),
    Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.provideService(Tracer.Tracer, tracer),
    Effect.provideService(Console.Console, printer)
  )
  for (const span of spans) {
    for (const [name, value] of span.attributes) show(`the attribute "${name}" of the span "${span.name}"`, value)
    for (const [name, , attributes] of span.events) show(`the event "${name}" of the span "${span.name}"`, attributes)
    shown.push([`the name of a span`, span.name])
    if (span.status._tag === "Ended" && Exit.isFailure(span.status.exit)) {
      shown.push([`the failure of the span "${span.name}"`, Cause.pretty(span.status.exit.cause)])
    }
  }
  if (Exit.isSuccess(exit)) show("the result", exit.value)
  else {
    shown.push(["the failure, as it is printed", Cause.pretty(exit.cause)])
    show("the failure", Cause.squash(exit.cause))
  }
  const leaks = Array.from(secrets).flatMap(([text, secret]) => {
    const forms = formsOf(text)
    const places = shown.filter(([, it]) => forms.some((form) => it.includes(form))).map(([place]) => place)
    return Array.from(new Set(places), (place) => ({ secret, place }))
  })
  if (leaks.length > 0) {
    const message = leaks.map(({ place, secret }) => `${secret} shows in ${place}`).join("\n")
    return yield* new SecretLeaked({ message, leaks })
  }
  return yield* exit
})

/**
 * Takes every token and API key that a host answers for a secret too: for `transformClient` of the SDK's options. It
 * changes nothing, and does nothing outside of {@link run}.
 *
 * @category combinators
 * @since 0.1.0
 */
export const watchTokens = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transformResponse(
    client,
    Effect.tap((response) =>
      Effect.flatMap(Secrets, (secrets) =>
        // an event stream has no tokens, and no end
        secrets === undefined || !/json/.test(response.headers["content-type"] ?? "")
          ? Effect.void
          : Effect.ignore(
              Effect.map(response.text, (text) => {
                for (const [, name, token] of text.matchAll(/"(access_token|refresh_token|key)":\s*"([^"]{16,})"/g)) {
                  if (name !== undefined && token !== undefined) secrets.set(token, name)
                }
              })
            )
      )
    )
  )

/** What a careless program may print of a value. */
const textsOf = (value: unknown): string =>
  [() => inspect(value, { depth: 20, showHidden: true }), () => json(value), () => String(value)]
    .map((print) => {
      try {
        return print()
      } catch {
        return ""
      }
    })
    .join("\n")

const json = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Map || inner instanceof Set
      ? Array.from<unknown>(inner)
      : typeof inner === "bigint"
        ? `${inner}`
        : inner
  ) ?? ""

/** A secret as it may be written; of a token, the parts that are no one else's too. */
const formsOf = (secret: string): ReadonlyArray<string> => {
  const parts = secret.split(".").slice(1)
  return [secret, ...parts.filter((part) => part.length >= 16)].flatMap((text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString("base64").replaceAll("=", ""),
    Buffer.from(text).toString("base64url")
  ])
}
