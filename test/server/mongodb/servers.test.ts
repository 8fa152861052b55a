import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { Admin, App, Inbox } from "effect-app-services/server"
import { anonymous, ask, emailPassword, path, register, root } from "../support.ts"
import { administration, changeVersion, port, servers, users } from "./users.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, apiKey: true, emailPassword: { emailConfirmationUrl: "https://a.b/c" } }
})

const two = Effect.map(servers(2, app), ([a, b]) => {
  if (a === undefined || b === undefined) throw new Error("two servers are started")
  return [a, b] as const
})

const profile = (token: string | undefined) =>
  Effect.map(ask("GET", `${root}/auth/profile`, { token }), ({ status }) => status)
const refresh = (token: string | undefined) =>
  Effect.map(ask("POST", `${root}/auth/session`, { token }), ({ status }) => status)
const confirm = (message: Inbox.Message) =>
  Effect.map(
    ask("POST", path("my-app", "auth/providers/local-userpass/confirm"), {
      body: { token: Redacted.value(message.token), tokenId: message.tokenId }
    }),
    ({ status }) => status
  )

const admin = <A, E>(use: (admin: Admin.Service) => Effect.Effect<A, E>) => Admin.Admin.use(use)

describe("two servers with users in one MongoDB", () => {
  it.live("accept each other's tokens, and log in who registered with the other", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const one = yield* a(anonymous())
      assert.strictEqual(yield* b(profile(one["access_token"])), 200)
      assert.strictEqual(yield* b(refresh(one["refresh_token"])), 201)
      assert.strictEqual((yield* a(register("a@b.c", "correct horse"))).status, 201)
      const [mail] = yield* b(Inbox.Inbox.use(({ messages }) => messages("my-app")))
      if (mail === undefined) return assert.fail("the e-mail is in the inbox of all")
      assert.strictEqual((yield* b(emailPassword("a@b.c", "correct horse"))).status, 401)
      assert.strictEqual(yield* b(confirm(mail)), 204)
      assert.strictEqual(yield* a(confirm(mail)), 400)
      assert.strictEqual((yield* a(register("a@b.c", "another one"))).status, 409)
      const [first, second] = [
        yield* a(emailPassword("a@b.c", "correct horse")),
        yield* b(emailPassword("a@b.c", "correct horse"))
      ]
      assert.deepStrictEqual([first.status, second.status], [200, 200])
      assert.strictEqual(first.body["user_id"], second.body["user_id"])
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("refuse at the next request the session that ended in the other one", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const one = yield* a(anonymous())
      assert.strictEqual(yield* b(refresh(one["refresh_token"])), 201)
      assert.strictEqual((yield* a(ask("DELETE", `${root}/auth/session`, { token: one["refresh_token"] }))).status, 204)
      assert.strictEqual(yield* b(refresh(one["refresh_token"])), 401)
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("refuse at the next request a user whom the other one disabled or deleted", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const one = yield* a(anonymous())
      const id = one["user_id"] ?? ""
      assert.strictEqual(yield* b(profile(one["access_token"])), 200)
      yield* a(admin((admin) => admin.disableUser("my-app", id)))
      assert.strictEqual(yield* b(profile(one["access_token"])), 403)
      assert.strictEqual(yield* b(refresh(one["refresh_token"])), 401)
      yield* b(admin((admin) => admin.enableUser("my-app", id)))
      assert.strictEqual(yield* a(profile(one["access_token"])), 200)
      // its sessions have ended
      assert.strictEqual(yield* a(refresh(one["refresh_token"])), 401)
      yield* a(admin((admin) => admin.deleteUser("my-app", id)))
      assert.strictEqual(yield* b(profile(one["access_token"])), 401)
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("refuse at the next request an API key that the other one disabled, and its sessions", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const one = yield* a(anonymous())
      const created = yield* a(
        ask("POST", `${root}/auth/api_keys`, { token: one["refresh_token"], body: { name: "ci" } })
      )
      const logIn = ask("POST", path("my-app", "auth/providers/api-key/login"), { body: { key: created.body["key"] } })
      const other = yield* b(logIn)
      assert.strictEqual(other.status, 200, other.text)
      const change = (how: string) =>
        ask("PUT", `${root}/auth/api_keys/${created.body["_id"]}/${how}`, { token: one["refresh_token"] })
      assert.strictEqual((yield* a(change("disable"))).status, 204)
      assert.strictEqual((yield* b(logIn)).status, 401)
      assert.strictEqual(yield* b(refresh(other.body["refresh_token"])), 401)
      assert.strictEqual((yield* b(change("enable"))).status, 204)
      assert.strictEqual((yield* a(logIn)).status, 200)
      assert.strictEqual(yield* a(refresh(other.body["refresh_token"])), 401)
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("sign with one key that any number of starts create once, and with a new one after a rotation", () =>
    Effect.gen(function* () {
      const [a, b, ...others] = yield* servers(6, app)
      if (a === undefined || b === undefined) return assert.fail("the servers are started")
      const kidOf = (body: Record<string, string>) =>
        (
          JSON.parse(Buffer.from((body["access_token"] ?? "").split(".")[0] ?? "", "base64url").toString()) as {
            readonly kid: string
          }
        ).kid
      const tokens = yield* Effect.forEach([a, b, ...others], (server) => server(anonymous()), {
        concurrency: "unbounded"
      })
      const [first] = tokens
      if (first === undefined) return assert.fail("a user is logged in")
      assert.strictEqual(new Set(tokens.map(kidOf)).size, 1)
      const { rotate } = yield* administration
      const { current, older } = yield* rotate("my-app", { revoke: false })
      assert.strictEqual(older, 1)
      const next = yield* a(anonymous())
      assert.strictEqual(kidOf(next), current)
      // both keys verify in all servers
      assert.deepStrictEqual(
        [yield* b(profile(next["access_token"])), yield* b(profile(first["access_token"]))],
        [200, 200]
      )
      assert.strictEqual(yield* b(refresh(first["refresh_token"])), 201)
      const revoked = yield* rotate("my-app", { revoke: true })
      assert.isAbove(revoked.sessions, 0)
      for (const server of [a, b]) {
        for (const old of [first, next]) {
          assert.strictEqual(yield* server(profile(old["access_token"])), 401)
          assert.strictEqual(yield* server(refresh(old["refresh_token"])), 401)
        }
      }
      assert.strictEqual(kidOf(yield* b(anonymous())), revoked.current)
    }).pipe(Effect.provide(port), Effect.scoped)
  )

  it.live("show each other's e-mails as they arrive", () =>
    Effect.gen(function* () {
      const [a, b] = yield* two
      const { arrivals } = yield* b(Inbox.Inbox)
      const arriving = yield* Effect.forkChild(Stream.runHead(arrivals), { startImmediately: true })
      // the stream is open when a registration after it is seen
      let i = 0
      const registered = Effect.suspend(() => a(register(`${i++}@b.c`, "correct horse")))
      yield* Effect.raceFirst(
        Fiber.join(arriving),
        Effect.forever(Effect.andThen(registered, Effect.sleep("200 millis")))
      )
    }).pipe(Effect.provide(port), Effect.scoped)
  )
})

describe("a trigger on the accounts of two servers", () => {
  it.live("gets the logins, creations and deletions of both", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const seeing = ({
        operationType,
        user
      }: {
        readonly operationType: string
        readonly user: { readonly id: string }
      }) => Effect.sync(() => void seen.push(`${operationType} ${user.id}`))
      const app = App.make({ id: "my-app", providers: { anonymous: true }, functions: { seeing } })
      const fn = app.functions.get("seeing")
      if (fn === undefined) return assert.fail("the function is defined")
      const watched: App.App = {
        ...app,
        triggers: [
          {
            _tag: "Authentication",
            name: "watch",
            fn,
            disabled: false,
            operations: new Set(["CREATE", "LOGIN", "DELETE"]),
            providers: new Set(["anon-user"])
          }
        ]
      }
      const [a, b] = yield* servers(2, [watched])
      if (a === undefined || b === undefined) return assert.fail("two servers are started")
      const one = yield* a(anonymous())
      const two = yield* b(anonymous())
      yield* b(admin((admin) => admin.deleteUser("my-app", one["user_id"] ?? "")))
      const [first, second] = [one["user_id"], two["user_id"]]
      const expected = [`CREATE ${first}`, `LOGIN ${first}`, `CREATE ${second}`, `LOGIN ${second}`, `DELETE ${first}`]
      while (!expected.every((it) => seen.includes(it))) yield* Effect.sleep("10 millis")
    }).pipe(Effect.provide(port), Effect.scoped)
  )
})

describe("a database of users", () => {
  it.live("is refused with what to do if its version is later", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Layer.build(users))
      yield* changeVersion(2)
      const refusal = yield* Effect.flip(Effect.scoped(Layer.build(Layer.fresh(users))))
      assert.match(
        refusal.message,
        /^the database "effect_app_services" of users in MongoDB at 127\.0\.0\.1:\d+ has the schema version 2, and this server knows version 1: update/
      )
    }).pipe(Effect.provide(port))
  )
})
