/** What holds for the sessions of one process holds for several that share an engine. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Option, Schedule, Stream, Tracer } from "effect"
import type { HttpClient } from "effect/http"
import { AppServices, AuthApi, Credentials, TokenRecords, TokenStore, type UserEvent } from "effect-app-services"
import { inspect } from "node:util"
import type { Engine } from "../support/engines.ts"
import { type Answer, host, type Seen, token } from "../support/scripted.ts"
import { failure } from "../support/sdk.ts"
import { engines } from "../support/sharedRecords.ts"

let serial = 0

/** A host whose logins answer with an expired token by default, and whose refreshes are counted. */
const makeHost = (
  options: { readonly lifetime?: number; readonly refresh?: (nth: number) => Effect.Effect<Answer> } = {}
) => {
  const counts = { refreshes: 0, tokens: [] as Array<string> }
  const { layer } = host((request: Seen) => {
    const bearer = request.headers["authorization"] ?? ""
    if (request.path.endsWith("/login")) {
      const user = `user-${++serial}-of-many`
      return {
        body: {
          access_token: token({ sub: user, n: serial, exp: 1_000 + (options.lifetime ?? 0) }),
          refresh_token: token({ sub: user, n: serial, typ: "refresh" }),
          user_id: user,
          device_id: "5f1d7f3e9c1b2a0012345678"
        }
      }
    }
    if (request.path.endsWith("/auth/session") && request.method === "POST") {
      const fresh: Answer = { status: 201, body: { access_token: token({ n: ++serial, of: bearer.length }) } }
      counts.refreshes++
      return options.refresh?.(counts.refreshes) ?? Effect.delay(Effect.succeed(fresh), "50 millis")
    }
    if (request.path.endsWith("/functions/call")) counts.tokens.push(bearer)
    if (request.path.endsWith("/auth/profile"))
      return { body: { identities: [], data: { name: "Zoë" }, type: "normal", user_id: "u" } }
    return undefined
  })
  return { layer, counts }
}

/** Until it succeeds: an engine that is back, or a process that waits for it briefly only, may need several attempts. */
const persistently = Effect.retry(Schedule.spaced("20 millis"))

const refused: Answer = { status: 401, body: { error: "invalid session", error_code: "InvalidSession" } }
const logIn = AuthApi.use((auth) => auth.logIn(Credentials.apiKey("0123456789")))

for (const { missing, name, records, says, start } of Object.values(engines)) {
  describe.skipIf(missing !== "")(name, () => {
    let engine: Engine
    beforeAll(async () => {
      engine = await start()
    })
    afterAll(() => engine?.stop())

    /** One process of a backend: services and connections of its own. It is patient: the machine may be busy. */
    const process = (
      transport: Layer.Layer<HttpClient.HttpClient>,
      times: Parameters<typeof records>[1] = {},
      change: (records: TokenRecords["Service"]) => TokenRecords["Service"] = (records) => records
    ) =>
      Layer.build(
        AppServices.layerNoDeps({
          appId: "my-app",
          baseUrl: "http://base.test",
          retrySchedule: Schedule.recurs(0),
          skipLocationRequest: true
        }).pipe(
          Layer.provide(transport),
          Layer.provide(TokenStore.layerRecords),
          Layer.provide(Layer.effect(TokenRecords, Effect.map(TokenRecords, change))),
          Layer.provide(records(engine.url, { timeout: "1 minute", lease: "10 minutes", maxAge: "1 hour", ...times })),
          Layer.provide(Logger.layer([])),
          Layer.fresh
        )
      ).pipe(
        Effect.map((context) => {
          const on = <A, E>(effect: Effect.Effect<A, E, AppServices.Services>) => Effect.provideContext(effect, context)
          return {
            on,
            user: (id: string) => on(AuthApi.use((auth) => auth.user(id))),
            call: (id: string) =>
              on(AuthApi.use((auth) => Effect.flatMap(auth.user(id), (user) => user.functions.sum(1, 2)))),
            /** All events that come until the scope closes. */
            events: on(
              AuthApi.use((auth) =>
                Effect.sync(() => {
                  const events: Array<UserEvent> = []
                  auth.addListener((event) => events.push(event))
                  return events
                })
              )
            )
          }
        })
      )

    const eventually = <A>(what: () => A | undefined | false) =>
      persistently(Effect.suspend(() => Effect.fromOption(Option.fromUndefinedOr(what() || undefined))))

    const of = (events: ReadonlyArray<UserEvent>, id: string) =>
      events.filter(({ userId }) => userId === id).map(({ _tag }) => _tag)

    it.live("many calls in several processes with an expired token: one refresh", () =>
      Effect.gen(function* () {
        const { counts, layer } = makeHost()
        const processes = yield* Effect.all(Array.from({ length: 4 }, () => process(layer)))
        const { id } = yield* processes[0].on(logIn)
        const answers = yield* Effect.forEach(
          processes.flatMap((it) => Array.from({ length: 100 }, () => it)),
          (it) => it.call(id),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(answers, 400)
        assert.strictEqual(counts.refreshes, 1)
        assert.strictEqual(new Set(counts.tokens).size, 1)
      })
    )

    it.live("what one process does is heard by the others, as the same events, once", () =>
      Effect.gen(function* () {
        const { layer } = makeHost({ lifetime: 1_800 })
        const [a, b] = yield* Effect.all([process(layer), process(layer)])
        const [mine, theirs] = [yield* a.events, yield* b.events]
        const user = yield* a.on(logIn)
        yield* user.refreshCustomData
        yield* user.refreshProfile
        // every process that is notified reads the profile, which is removed with its user
        yield* eventually(() => of(theirs, user.id).includes("ProfileChanged"))
        yield* a.on(AuthApi.use((auth) => auth.switchUser(user.id)))
        yield* a.on(AuthApi.use((auth) => auth.removeUser(user.id)))
        yield* eventually(() => of(theirs, user.id).includes("Removed"))
        assert.deepStrictEqual(
          of(theirs, user.id),
          of(mine, user.id).filter((tag) => tag !== "RefreshStarted")
        )
        assert.includeMembers(of(theirs, user.id), [
          "LoggedIn",
          "TokenRefreshed",
          "ProfileChanged",
          "Switched",
          "LoggedOut"
        ])
        assert.strictEqual(new Set(of(theirs, user.id)).size, of(theirs, user.id).length)
      })
    )

    it.live(
      "no process sends a token of a session that was logged out, and its stream of states ends the session",
      () =>
        Effect.gen(function* () {
          const { counts, layer } = makeHost({ lifetime: 1_800 })
          const [a, b] = yield* Effect.all([process(layer), process(layer)])
          const user = yield* a.on(logIn)
          yield* b.call(user.id)
          const there = yield* b.user(user.id)
          const states = yield* Effect.forkScoped(
            Stream.runCollect(Stream.takeUntil(there.states, ({ _tag }) => _tag === "LoggedOut")),
            { startImmediately: true }
          )
          const heard = yield* b.events
          yield* user.logOut
          yield* eventually(() => of(heard, user.id).includes("LoggedOut"))
          const sent = counts.tokens.length
          assert.strictEqual((yield* failure(b.call(user.id))).reason._tag, "NotLoggedIn")
          assert.lengthOf(counts.tokens, sent)
          assert.strictEqual((yield* Fiber.join(states)).at(-1)?._tag, "LoggedOut")
        })
    )

    it.live("a notice that is missed is made up for when what is known has its age", () =>
      Effect.gen(function* () {
        const { layer } = makeHost({ lifetime: 1_800 })
        const a = yield* process(layer)
        const b = yield* process(layer, { maxAge: "200 millis" }, (records) => ({
          ...records,
          shared: { ...records.shared!, notices: () => Effect.succeed(Stream.never) }
        }))
        const user = yield* a.on(logIn)
        yield* b.call(user.id)
        yield* user.logOut
        yield* Effect.sleep("250 millis")
        assert.strictEqual((yield* failure(b.call(user.id))).reason._tag, "NotLoggedIn")
      })
    )

    it.live("a call whose token is known asks the engine nothing", () =>
      Effect.gen(function* () {
        let asked = 0
        const counting = (records: TokenRecords["Service"]): TokenRecords["Service"] => ({
          ...records,
          read: (...args) =>
            Effect.andThen(
              Effect.sync(() => asked++),
              records.read(...args)
            )
        })
        const { counts, layer } = makeHost({ lifetime: 1_800 })
        const a = yield* process(layer, {}, counting)
        const { id } = yield* a.on(logIn)
        const before = asked
        yield* Effect.forEach(Array.from({ length: 50 }), () => a.call(id))
        assert.strictEqual(asked, before)
        assert.lengthOf(counts.tokens, 50)
      })
    )

    it.live("a process that dies while it refreshes is waited for until its lease is over", () =>
      Effect.gen(function* () {
        const { counts, layer } = makeHost()
        const a = yield* process(layer, { lease: "1 second" })
        const { id } = yield* a.on(logIn)
        const dead = yield* Layer.build(Layer.fresh(records(engine.url, { lease: "1 second" })))
        const taken = yield* Effect.provideContext(
          TokenRecords.use(({ shared }) => shared!.acquire("my-app", id, "dead")),
          dead
        )
        assert.strictEqual(taken, 0)
        assert.strictEqual(yield* a.call(id), 42)
        assert.strictEqual(counts.refreshes, 1)
      })
    )

    it.live("a process that is late with its refresh does not overwrite what came after it", () =>
      Effect.gen(function* () {
        const overtaken = yield* Deferred.make<void>()
        const { counts, layer } = makeHost({
          refresh: (nth) =>
            Effect.as(nth === 1 ? Deferred.await(overtaken) : Effect.void, {
              status: 201,
              body: { access_token: token({ nth, n: ++serial }) }
            })
        })
        const times = { lease: "300 millis" } as const
        const [a, b] = yield* Effect.all([process(layer, times), process(layer, times)])
        const { id } = yield* a.on(logIn)
        const late = yield* Effect.forkScoped(a.call(id), { startImmediately: true })
        yield* eventually(() => counts.refreshes === 1)
        yield* b.call(id)
        assert.strictEqual(counts.refreshes, 2)
        yield* Deferred.succeed(overtaken, undefined)
        assert.strictEqual(yield* Fiber.join(late), 42)
        yield* b.call(id)
        assert.strictEqual(new Set(counts.tokens).size, 1, "all calls were made with the token of the second refresh")
      })
    )

    it.live("a verdict that comes late says nothing of a session that was refreshed meanwhile", () =>
      Effect.gen(function* () {
        const overtaken = yield* Deferred.make<void>()
        const { counts, layer } = makeHost({
          refresh: (nth) =>
            nth === 1
              ? Effect.as(Deferred.await(overtaken), refused)
              : Effect.succeed({ status: 201, body: { access_token: token({ nth, n: ++serial }) } })
        })
        const times = { lease: "300 millis" } as const
        const [a, b] = yield* Effect.all([process(layer, times), process(layer, times)])
        const { id } = yield* a.on(logIn)
        const late = yield* Effect.forkScoped(a.call(id), { startImmediately: true })
        yield* eventually(() => counts.refreshes === 1)
        assert.strictEqual(yield* b.call(id), 42)
        yield* Deferred.succeed(overtaken, undefined)
        assert.strictEqual(yield* Fiber.join(late), 42)
        assert.strictEqual(yield* b.call(id), 42)
        assert.strictEqual(new Set(counts.tokens).size, 1)
      })
    )

    it.live("a lease that was asked for while the engine hung does not hold up the others when it goes on", () =>
      Effect.gen(function* () {
        const { counts, layer } = makeHost()
        const [a, b] = yield* Effect.all([process(layer, { timeout: "2 seconds" }), process(layer)])
        const heard = yield* a.events
        const { id } = yield* b.on(logIn)
        // what is known is forgotten when a change is heard
        yield* eventually(() => of(heard, id).includes("LoggedIn"))
        yield* persistently(a.user(id))
        yield* Effect.sync(() => engine.signal("SIGSTOP"))
        assert.strictEqual((yield* failure(a.call(id))).reason._tag, "StoreUnavailable")
        yield* Effect.sync(() => engine.signal("SIGCONT"))
        // within the limit of a test, where the lease is one of minutes
        assert.strictEqual(yield* b.call(id), 42)
        assert.strictEqual(counts.refreshes, 1)
      })
    )

    it.live("a process that is closed while it refreshes gives its lease back", () =>
      Effect.gen(function* () {
        const { counts, layer } = makeHost({
          refresh: (nth) =>
            nth === 1 ? Effect.never : Effect.succeed({ status: 201, body: { access_token: token({ nth }) } })
        })
        const b = yield* process(layer)
        const { id } = yield* b.on(logIn)
        const closing = yield* Effect.forkScoped(Effect.scoped(Effect.flatMap(process(layer), (a) => a.call(id))))
        yield* eventually(() => counts.refreshes === 1)
        yield* Fiber.interrupt(closing)
        // within the limit of a test, where the lease is one of minutes
        assert.strictEqual(yield* b.call(id), 42)
      })
    )

    it.live("a logout while another process refreshes: nothing is written and nothing sent after it", () =>
      Effect.gen(function* () {
        const loggedOut = yield* Deferred.make<void>()
        const { counts, layer } = makeHost({
          refresh: (nth) =>
            Effect.as(Deferred.await(loggedOut), { status: 201, body: { access_token: token({ nth }) } })
        })
        const [a, b] = yield* Effect.all([process(layer), process(layer)])
        const user = yield* a.on(logIn)
        const refreshing = yield* Effect.forkScoped(failure(b.call(user.id)))
        yield* eventually(() => counts.refreshes === 1)
        yield* user.logOut
        yield* Deferred.succeed(loggedOut, undefined)
        assert.strictEqual((yield* Fiber.join(refreshing)).reason._tag, "NotLoggedIn")
        for (const it of [a, b]) assert.strictEqual((yield* failure(it.call(user.id))).reason._tag, "NotLoggedIn")
        assert.lengthOf(counts.tokens, 0)
      })
    )

    it.live("no secret shows in spans, logs or errors", () =>
      Effect.gen(function* () {
        const { counts, layer } = makeHost({ lifetime: 1_800 })
        const shown: Array<unknown> = []
        const tracer = Tracer.make({
          span: (options) => {
            const span = new Tracer.NativeSpan(options)
            shown.push(span.attributes, span.events)
            return span
          }
        })
        const Logs = Logger.layer([Logger.make(({ cause, message }) => shown.push(message, cause))])
        yield* Effect.gen(function* () {
          const a = yield* process(layer, { maxAge: "1 millis" })
          const user = yield* a.on(logIn)
          yield* user.refreshCustomData
          yield* a.call(user.id)
          const b = yield* process(layer, { timeout: "2 seconds", maxAge: "1 millis" })
          const there = yield* persistently(b.user(user.id))
          yield* Effect.sync(() => engine.signal("SIGSTOP"))
          shown.push(yield* failure(there.refreshCustomData), yield* failure(b.on(logIn)))
          yield* Effect.sync(() => engine.signal("SIGCONT"))
          yield* persistently(there.logOut)
        }).pipe(Effect.withTracer(tracer), Effect.provide(Logs))
        const text = inspect(shown, { depth: 20, showHidden: true, maxStringLength: null })
        assert.isAbove(text.length, 1_000)
        for (const sent of counts.tokens) assert.notInclude(text, sent.replace("Bearer ", ""))
        assert.notInclude(text, "eyJ", "what every token begins with")
      })
    )

    it.live("a session that the host ends is over in every process that waits", () =>
      Effect.gen(function* () {
        const waits = yield* Deferred.make<void>()
        const { counts, layer } = makeHost({ refresh: () => Effect.as(Deferred.await(waits), refused) })
        // the host answers when both have asked for the lease, which one of them gets
        const asking = new Set<string>()
        const watched = (records: TokenRecords["Service"]): TokenRecords["Service"] => ({
          ...records,
          shared: {
            ...records.shared!,
            acquire: (...args) =>
              Effect.tap(records.shared!.acquire(...args), () =>
                asking.add(records.shared!.process).size === 2 ? Deferred.succeed(waits, undefined) : Effect.void
              )
          }
        })
        const [a, b] = yield* Effect.all([process(layer, {}, watched), process(layer, {}, watched)])
        const { id } = yield* a.on(logIn)
        const heard = yield* b.events
        const errors = yield* Effect.forEach([a, b, a, b], (it) => failure(it.call(id)), { concurrency: "unbounded" })
        assert.deepStrictEqual(
          errors.map(({ reason }) => reason._tag),
          Array.from({ length: 4 }, () => "SessionExpired")
        )
        assert.strictEqual(counts.refreshes, 1)
        yield* eventually(() => of(heard, id).includes("SessionExpired"))
      })
    )

    it.live(
      "an engine that hangs: calls with a good token go on, the rest fails and says why, and all is well after",
      () =>
        Effect.gen(function* () {
          const { layer } = makeHost({ lifetime: 1_800 })
          const times = { timeout: "2 seconds", maxAge: "100 millis" } as const
          const [a, b] = yield* Effect.all([process(layer, times), process(layer, times)])
          const heard = yield* b.events
          const user = yield* persistently(a.on(logIn))
          // what is known is forgotten when a change is heard
          yield* eventually(() => of(heard, user.id).includes("LoggedIn"))
          yield* persistently(Effect.all([a.call(user.id), b.call(user.id)]))
          yield* Effect.sync(() => engine.signal("SIGSTOP"))
          yield* Effect.sleep("150 millis")
          yield* Effect.forEach([a, b], (it) => Effect.forEach(Array.from({ length: 20 }), () => it.call(user.id)), {
            concurrency: 2
          })
          const error = yield* failure(a.on(logIn))
          assert.strictEqual(error.reason._tag, "StoreUnavailable")
          assert.isTrue(error.retryable)
          assert.include(error.message, says)
          yield* Effect.sync(() => engine.signal("SIGCONT"))
          const again = yield* persistently(a.on(logIn))
          assert.strictEqual(yield* persistently(b.call(again.id)), 42)
          assert.strictEqual(yield* persistently(b.call(user.id)), 42)
        })
    )

    it.live("an engine that crashes and starts again: no session is lost, and changes are heard again", () =>
      Effect.gen(function* () {
        const { layer } = makeHost({ lifetime: 1_800 })
        const [a, b] = yield* Effect.all([process(layer), process(layer)])
        const user = yield* a.on(logIn)
        yield* b.call(user.id)
        const heard = yield* b.events
        yield* Effect.promise(() => engine.restart())
        yield* persistently(b.call(user.id))
        // each login is a change; one is heard as soon as both have found the engine again
        yield* Effect.ignore(a.on(logIn)).pipe(
          Effect.andThen(Effect.sleep("200 millis")),
          Effect.repeat({ while: () => heard.length === 0 })
        )
        yield* persistently(user.logOut)
        yield* eventually(() => of(heard, user.id).includes("LoggedOut"))
      })
    )
  })
}
