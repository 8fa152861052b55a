/**
 * Detects leaked secrets: runs a program with canary values, and fails if one appears in its logs, traces, output, result or
 * failure.
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
 * Leaked secrets. The message names each and its place, without its value.
 *
 * @category errors
 * @since 0.1.0
 */
export class SecretLeaked extends Schema.TaggedError<SecretLeaked>()("SecretLeaked", {
  message: Schema.String,
  leaks: Schema.Array(Schema.Struct({ secret: Schema.String, place: Schema.String }))
}) {}

/**
 * Creates a unique secret; a leak is reported by its label.
 *
 * @category models
 * @since 0.1.0
 */
export type Canary = (label: string) => Redacted.Redacted

/** The labels of the running program's secrets, by secret. */
const Secrets = Context.Reference<Map<string, string> | undefined>("effect-app-services/testing/LeakCheck/Secrets", {
  defaultValue: () => undefined
})

type Show = (place: string, ...values: ReadonlyArray<unknown>) => void

/**
 * Runs a program and searches every log line, every span, what is printed through `Console` or the global `console`, and the
 * result or failure as inspected, as JSON and as text. Fails with {@link SecretLeaked} if a canary appears, in plain, in base64
 * or percent-encoded; otherwise it ends as the program does. The program logs at every level.
 *
 * The methods of the global `console` are replaced during a check and restored at its end. They print as before; those of
 * Effect's `Console` print nothing. Checks may run concurrently. What is written to `process.stdout` or `process.stderr`
 * directly is not searched.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* <A, E, R>(
  program: (canary: Canary) => Effect.Effect<A, E, R>
): Effect.fn.Return<A, E | SecretLeaked, R> {
  const secrets = new Map<string, string>()
  const shown: Array<readonly [place: string, text: string]> = []
  const spans: Array<Tracer.NativeSpan> = []
  const show: Show = (place, ...values) => shown.push([place, values.map(textsOf).join("\n")])
  const random = yield* Effect.provide(SecureRandom.SecureRandom, SecureRandom.layerWebCrypto)
  const mark = yield* random.uuidV4()
  const canary: Canary = (label) => {
    const text = `canary-${mark}-${secrets.size}`
    secrets.set(text, label)
    return Redacted.make(text)
  }
  const watched = Effect.suspend(() => program(canary)).pipe(
    // these are references: `updateService` does not change the type of the requirements
    Effect.updateService(Secrets, () => secrets),
    Effect.updateService(Logger.CurrentLoggers, () => new Set([loggerTo(show)])),
    Effect.updateService(References.MinimumLogLevel, () => "All" as const),
    Effect.updateService(Tracer.Tracer, () => tracerTo(spans)),
    Effect.updateService(Console.Console, () => printerTo(show))
  )
  const exit = yield* Effect.acquireUseRelease(
    Effect.sync(() => listenToConsole(show)),
    () => Effect.exit(watched),
    (stop) => Effect.sync(stop)
  )
  showSpans(show, spans)
  if (Exit.isSuccess(exit)) show("the result", exit.value)
  else {
    show("the failure, as it is printed", Cause.pretty(exit.cause))
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

const loggerTo = (show: Show) =>
  Logger.make((options) => {
    show("a log line", options.message, Logger.formatJson.log(options))
    show("the cause of a log line", Cause.pretty(options.cause))
  })

const tracerTo = (spans: Array<Tracer.NativeSpan>) =>
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })

const showSpans = (show: Show, spans: ReadonlyArray<Tracer.NativeSpan>): void => {
  for (const { attributes, events, name: span, status } of spans) {
    for (const [name, value] of attributes) show(`the attribute "${name}" of the span "${span}"`, value)
    for (const [name, , attributes] of events) show(`the event "${name}" of the span "${span}"`, attributes)
    show("the name of a span", span)
    if (status._tag === "Ended" && Exit.isFailure(status.exit)) {
      show(`the failure of the span "${span}"`, Cause.pretty(status.exit.cause))
    }
  }
}

const printerTo = (show: Show): Console.Console =>
  new Proxy(console, {
    get:
      (_, method) =>
      (...args: ReadonlyArray<unknown>) =>
        show(`console.${String(method)}`, ...args)
  })

const printing = [
  "assert",
  "count",
  "countReset",
  "debug",
  "dir",
  "dirxml",
  "error",
  "group",
  "groupCollapsed",
  "info",
  "log",
  "table",
  "time",
  "timeEnd",
  "timeLog",
  "trace",
  "warn"
] as const

/** The running checks. There is one global console, so there is one list. */
const listeners = new Set<Show>()
let restoreConsole: (() => void) | undefined

/** Shows what the global console prints, until the returned function is called. */
const listenToConsole = (show: Show): (() => void) => {
  // a function of its own, since a set contains each function once
  const listener: Show = (...args) => show(...args)
  listeners.add(listener)
  restoreConsole ??= replaceConsole()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    restoreConsole?.()
    restoreConsole = undefined
  }
}

/** Replaces the methods that print; returns how to restore them. */
const replaceConsole = (): (() => void) => {
  const restores = printing.map((method) => replaceMethod(method))
  return () => {
    for (const restore of restores) restore()
  }
}

/** `console.table` and others print through `console.log`: only the outer call is shown. */
let printingNow = false

const replaceMethod = (method: (typeof printing)[number]): (() => void) => {
  const original = console[method]
  const replacement = new Proxy(original, {
    apply: (print, self, args: ReadonlyArray<unknown>): unknown => {
      if (printingNow) return Reflect.apply(print, self, args)
      printingNow = true
      try {
        for (const listener of listeners) listener(`console.${method}`, ...args)
        return Reflect.apply(print, self, args)
      } finally {
        printingNow = false
      }
    }
  })
  Reflect.set(console, method, replacement)
  return () => {
    // a method that the program has replaced meanwhile is left to the program
    if (console[method] === replacement) Reflect.set(console, method, original)
  }
}

/**
 * Treats every token and API key in an answer of the host as a canary: for `transformClient` of `AppServices.Options`. It
 * changes no request and no answer, and does nothing outside of {@link run}.
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

/** The forms in which a program may print a value. */
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

/** The forms of a secret, and the parts of a token that are unique to it. */
const formsOf = (secret: string): ReadonlyArray<string> => {
  const parts = secret.split(".").slice(1)
  return [secret, ...parts.filter((part) => part.length >= 16)].flatMap((text) => [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString("base64").replaceAll("=", ""),
    Buffer.from(text).toString("base64url")
  ])
}
