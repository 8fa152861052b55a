/** The tables of metrics and spans in `docs/sessions.md`, against what the SDK emits. */
import { assert, it } from "@effect/vitest"
import { Effect, Metric, Stream, Tracer } from "effect"
import { AuthApi, Credentials, EmailPasswordApi, Sessions } from "effect-app-services"
import { App } from "effect-app-services/server"
import { TestServer } from "effect-app-services/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const page = readFileSync(join(import.meta.dirname, "../../docs/sessions.md"), "utf8")

/** The names in the first column of a table, by the words of its head; a member without its service is of the same one. */
const documented = (head: string): ReadonlyArray<string> => {
  const [, rows = ""] = new RegExp(`\\| ${head} .*\\n.*\\n((?:\\|.*\\n)+)`).exec(page) ?? []
  return rows.split("\n").flatMap((row) => {
    const names = Array.from((row.split("|")[1] ?? "").matchAll(/`([\w.]+)`/g), ([, name = ""]) => name)
    return names.map((name) => (/^[a-z]\w*[A-Z]/.test(name) ? `${names[0]?.split(".")[0]}.${name}` : name))
  })
}

const app = App.make({
  id: "shop",
  providers: { anonymous: true, emailPassword: true, customFunction: ({ card }: { card: string }) => card },
  push: ["gcm"],
  mongodb: { "mongodb-atlas": "open" },
  functions: { sum: (a: number, b: number) => a + b }
})

/** Every operation that has a span. */
const everything = Effect.gen(function* () {
  const auth = yield* AuthApi
  const accounts = yield* EmailPasswordApi
  const guest = yield* auth.logIn(Credentials.anonymous())
  const user = yield* auth.logIn(Credentials.function({ card: "one" }))
  yield* user.functions.sum?.(20, 22) ?? Effect.void
  const account = { email: "ada@example.com", password: "correct horse" }
  const token = { token: "t", tokenId: "i" }
  yield* accounts.registerUser(account)
  yield* user.linkCredentials(Credentials.emailPassword(account))
  yield* Effect.ignore(accounts.confirmUser(token))
  yield* Effect.ignore(accounts.resendConfirmationEmail(account))
  yield* Effect.ignore(accounts.retryCustomConfirmation(account))
  yield* Effect.ignore(accounts.sendResetPasswordEmail(account))
  yield* Effect.ignore(accounts.resetPassword({ ...token, password: "battery staple" }))
  yield* Effect.ignore(accounts.callResetPasswordFunction(account))
  const key = yield* user.apiKeys.create("laptop")
  yield* user.apiKeys.fetch(key.id)
  yield* user.apiKeys.fetchAll
  yield* user.apiKeys.disable(key.id)
  yield* user.apiKeys.enable(key.id)
  yield* user.apiKeys.delete(key.id)
  yield* user.profile
  yield* user.refreshProfile
  const push = user.push("gcm")
  yield* push.register("device")
  yield* push.deregister
  const widgets = user.mongoClient("mongodb-atlas").db("shop").collection("widgets")
  yield* widgets.insertOne({ _id: 1 })
  yield* widgets.insertMany([{ _id: 2 }])
  yield* widgets.find()
  yield* widgets.findOne()
  yield* widgets.count()
  yield* widgets.aggregate([])
  yield* widgets.updateOne({}, { $set: { n: 1 } })
  yield* widgets.updateMany({}, { $set: { n: 2 } })
  yield* widgets.findOneAndUpdate({}, { $set: { n: 3 } })
  yield* widgets.findOneAndReplace({}, { _id: 1 })
  yield* widgets.findOneAndDelete()
  yield* widgets.deleteOne()
  yield* widgets.deleteMany()
  yield* Effect.ignore(Stream.runDrain(user.callFunctionStreaming("unknown")))
  yield* Sessions.use((sessions) => sessions.refresh("test", user.id))
  yield* auth.switchUser(guest.id)
  yield* auth.logOut(guest.id)
  yield* auth.removeUser(user.id)
  const last = yield* auth.logIn(Credentials.function({ card: "two" }))
  yield* auth.deleteUser(last.id)
})

const emitted = Effect.gen(function* () {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  yield* everything.pipe(Effect.withTracer(tracer), Effect.provide(TestServer.layer(app)))
  const metrics = new Set((yield* Metric.snapshot).map(({ id }) => id))
  return { metrics: [...metrics].filter((id) => /^app_services_(?!server_)/.test(id)), spans }
}).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const requests = /^(GET|POST|PUT|DELETE)$/

/** Whether a span is below a request, where the spans of the server in this process are. */
const isServers = ({ parent }: Tracer.Span): boolean =>
  parent._tag === "Some" &&
  parent.value._tag === "Span" &&
  (requests.test(parent.value.name) || isServers(parent.value))

const serviceOf = (name: string) => name.split(".")[0]

it.live("names every metric and every span in the guide, and no others", () =>
  Effect.gen(function* () {
    const { metrics, ...all } = yield* emitted
    const spans = all.spans.filter((span) => !isServers(span))
    assert.sameMembers(metrics, [...documented("metric")])
    const names = new Set(spans.map(({ name }) => name))
    const listed = documented("span")
    assert.deepStrictEqual(
      listed.filter((name) => !names.has(name)),
      []
    )
    // "and so on" stands for the other operations of a service
    const services = new Set(listed.map(serviceOf))
    assert.deepStrictEqual(
      [...names].filter((name) => !requests.test(name) && !services.has(serviceOf(name))),
      []
    )
    for (const span of spans) if (span.name === "POST") assert.strictEqual(span.parent._tag, "Some")
  })
)
