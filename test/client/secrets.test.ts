import { inspect } from "node:util"
import { assert, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { sdk } from "../support/sdk.ts"

const canary = {
  created: "canary-created-7",
  password: "canary-password-1",
  key: "canary-key-2",
  jwt: "canary.jwt.3",
  pin: "canary-pin-4",
  push: "canary-push-8"
}
const accessToken = token({ canary: "access-5" })
const refreshToken = token({ canary: "refresh-6" })
const secrets = [...Object.values(canary), accessToken, refreshToken]

/** What a careless program prints of a value. */
const shown = (value: unknown): string =>
  [
    inspect(value, { depth: 20, showHidden: true }),
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? `${inner}` : inner)) ?? "",
    String(value)
  ].join("\n")

/** Every text that a tracer can reach from a value, property by property. */
const reached = (value: unknown): ReadonlyArray<string> => {
  const met = new Set<unknown>()
  const texts: Array<string> = []
  const walk = (inner: unknown): void => {
    if (typeof inner === "string") texts.push(inner)
    if (typeof inner !== "object" || inner === null || met.has(inner)) return
    met.add(inner)
    if (inner instanceof Map || inner instanceof Set) for (const item of inner) walk(item)
    for (const name of Reflect.ownKeys(inner)) {
      texts.push(String(name))
      walk(Reflect.getOwnPropertyDescriptor(inner, name)?.value)
    }
  }
  walk(value)
  return texts
}

const sent = (request: Seen) => `${request.headers["authorization"]} ${request.body.replaceAll('"', "'")}`
const echoing =
  (status: number) =>
  (request: Seen): Answer => ({
    status,
    body: { error: `refused: ${sent(request)}`, error_code: "BadRequest", link: `http://h/?${sent(request)}` }
  })

const worlds: ReadonlyArray<readonly [string, (request: Seen) => Answer | undefined]> = [
  ["works", () => undefined],
  ["echoes what it is sent with status 400", echoing(400)],
  ["echoes it with status 401", echoing(401)],
  ["echoes it with status 500", echoing(500)],
  ["answers a page that quotes it", (request) => ({ status: 200, body: `<html>${sent(request)}</html>` })],
  [
    "answers JSON that quotes it",
    (request) => (request.path.endsWith("/call") ? undefined : { status: 200, body: { said: sent(request) } })
  ],
  ["is not there", () => "unreachable"],
  ["dies mid-answer", () => "dies mid-answer"]
]

it.effect.each(worlds)("no secret shows in errors, logs, spans or printed values when the host %s", ([, answer]) => {
  const seen: Array<string> = []
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const { layer } = host((request) => {
    if (request.path.endsWith("/location")) return undefined
    const special = request.path.includes("anon-user") ? undefined : answer(request)
    if (special !== undefined) return special
    if (request.path.endsWith("/login"))
      return { body: { access_token: accessToken, refresh_token: refreshToken, user_id: "u" } }
    if (request.path.endsWith("/api_keys")) {
      return { status: 201, body: { _id: "1", name: "ci", disabled: false, key: canary.created } }
    }
    return request.path.endsWith("/register") ? { status: 201 } : undefined
  })
  const Logs = Logger.layer([Logger.make((entry) => seen.push(shown([entry.message, entry.cause, entry.fiber.id])))])
  return Effect.gen(function* () {
    const auth = yield* AuthApi
    const user = yield* auth.logIn(Credentials.anonymous())
    const operations: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      (yield* EmailPasswordApi).registerUser({ email: "a@b.c", password: canary.password }),
      auth.logIn(Credentials.emailPassword({ email: "a@b.c", password: canary.password })),
      auth.logIn(Credentials.apiKey(canary.key)),
      auth.logIn(Credentials.jwt(canary.jwt)),
      auth.logIn(Credentials.function({ pin: canary.pin })),
      user.functions.sum(1, 2),
      user.apiKeys.create("ci"),
      user.apiKeys.fetchAll,
      user.push("gcm").register(canary.push),
      user.refreshCustomData,
      user.profile,
      Effect.andThen(TestClock.adjust("1 hour"), user.functions.sum(1, 2)),
      user.accessToken,
      user.logOut
    ]
    seen.push(shown(user), shown(Credentials.apiKey(canary.key)), shown(auth))
    for (const operation of operations) {
      const exit = yield* Effect.exit(operation)
      yield* Effect.logError("failed", exit)
      seen.push(shown(exit))
      if (Exit.isFailure(exit)) {
        assert.isFalse(Cause.hasDies(exit.cause))
        seen.push(Cause.pretty(exit.cause), shown(Cause.squash(exit.cause)))
      }
    }
    for (const span of spans) {
      const how = "exit" in span.status ? span.status.exit : undefined
      seen.push(shown([span.name, [...span.attributes], span.status]), reached(how).join("\n"))
    }
    const everything = seen.join("\n")
    for (const secret of secrets) {
      const at = everything.indexOf(secret)
      assert.strictEqual(at === -1 ? "" : everything.slice(Math.max(0, at - 200), at + 100), "")
    }
    assert.isAbove(spans.length, 5)
    assert.isAbove(everything.length, 1000)
  }).pipe(Effect.provide(Layer.merge(sdk(layer), Logs)), Effect.withTracer(tracer))
})

it("a secret given as text is Redacted from there on", () => {
  const { payload, secrets } = Credentials.emailPassword({ email: "a@b.c", password: canary.password })
  assert.isTrue(Redacted.isRedacted(payload) && secrets.every(Redacted.isRedacted))
})
