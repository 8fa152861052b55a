import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App, type AppServicesServer } from "effect-app-services/server"
import { type RawAnswer, rawRequest } from "../../support/rawRequest.ts"
import { loginPath, path, root } from "../support.ts"

const adminToken = Redacted.make("an administration token of tests")
const options: AppServicesServer.Options = { adminToken, passwordHashing: "testing" }
const authorization = `Bearer ${Redacted.value(adminToken)}`

const apps = [
  App.make({
    id: "shop",
    providers: {
      anonymous: true,
      apiKey: true,
      emailPassword: { emailConfirmationUrl: "http://x.test/c" },
      customFunction: ({ name }: { name: string }) => ({ id: name, name })
    },
    push: ["gcm"],
    functions: {
      ping: () => "pong",
      turnAway: ({ data }: { data: { email?: string } }) => {
        if (data.email === "unwanted@b.c") throw new Error("not wanted here")
      }
    },
    onUserCreation: "turnAway",
    customUserData: ({ data }) => ({ theme: data["email"] === "ada@b.c" ? "dark" : "light" })
  }),
  App.make({ id: "blog", providers: { emailPassword: { emailConfirmationUrl: "http://y.test/c" } } })
]

const Server = Layer.suspend(() => NodeAppServicesServer.layer(apps, options))

interface Answer extends RawAnswer {
  // what a test looks at is what it knows is there
  readonly body: Record<string, string>
  readonly items: ReadonlyArray<Record<string, string>>
}

const answerOf = (text: string) => {
  const parsed: unknown = text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : {}
  const body = parsed as Answer["body"] & { readonly items?: Answer["items"] }
  return { text, body, items: Array.isArray(parsed) ? (parsed as Answer["items"]) : (body.items ?? []) }
}

interface Shown extends Record<string, unknown> {
  readonly account: Record<string, string>
  readonly sessions: ReadonlyArray<Record<string, string>>
}

const shownBy = ({ text }: Answer): Shown => JSON.parse(text) as Shown

interface Asked {
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly raw?: string
}

/** `fetch` does not allow setting the host or the origin. */
const send = (method: string, path: string, { body, headers, raw }: Asked = {}) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) =>
    Effect.map(
      rawRequest(baseUrl, method, path, headers, raw ?? (body === undefined ? undefined : JSON.stringify(body))),
      (answer): Answer => ({ ...answer, ...answerOf(answer.text) })
    )
  )

const json = { "content-type": "application/json" }
const administer = (method: string, path: string, body?: unknown) =>
  send(method, `/_admin${path}`, { body, headers: { authorization, ...(body === undefined ? undefined : json) } })

const post = (path: string, body: unknown, token?: string) =>
  send("POST", path, { body, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })

const register = (app: string, email: string) =>
  post(path(app, "auth/providers/local-userpass/register"), { email, password: "correct horse" })
const logIn = (app: string, username: string, password = "correct horse") =>
  post(loginPath(app, "local-userpass"), { username, password })
const anonymous = () => post(loginPath("shop", "anon-user"), {})
const refresh = (token: string) => post(`${root}/auth/session`, {}, token)
const ping = (token: string) => post(path("shop", "functions/call"), { name: "ping" }, token)

layer(Server, { excludeTestServices: true })("the administration API", (it) => {
  it.effect("shows what would have been mailed, by application, by address and after a message", () =>
    Effect.gen(function* () {
      for (const [app, email] of [
        ["shop", "1@b.c"],
        ["blog", "2@b.c"],
        ["shop", "3@b.c"]
      ] as const) {
        assert.strictEqual((yield* register(app, email)).status, 201)
      }
      const all = yield* administer("GET", "/inbox")
      assert.strictEqual(all.status, 200)
      assert.strictEqual(all.headers["content-type"], "application/json")
      assert.strictEqual(all.headers["cache-control"], "no-store")
      assert.strictEqual(all.headers["x-content-type-options"], "nosniff")
      assert.notInclude(all.text, "correct horse")
      const tos = (query: string) =>
        Effect.map(administer("GET", `/inbox?${query}`), ({ items }) => items.map(({ to }) => to))
      const [{ at, html, text, token, tokenId, ...message }] = all.items
      assert.deepStrictEqual(message, {
        app: "shop",
        to: "1@b.c",
        kind: "confirmation",
        subject: "Please confirm your email address",
        url: `http://x.test/c?token=${token}&tokenId=${tokenId}`
      })
      assert.match(token, /^[0-9a-f]{128}$/)
      for (const body of [html, text]) assert.include(body, token)
      assert.strictEqual(new Date(at).toISOString(), at)
      assert.deepStrictEqual(yield* tos("app=shop"), ["1@b.c", "3@b.c"])
      assert.deepStrictEqual(yield* tos("to=2%40b.c"), ["2@b.c"])
      assert.deepStrictEqual(yield* tos("app=nothing"), [])
      assert.deepStrictEqual(yield* tos(`app=shop&after=${tokenId}`), ["3@b.c"])
      // what is not kept any more had everything after it
      assert.deepStrictEqual(yield* tos("app=shop&after=000000000000000000000000"), ["1@b.c", "3@b.c"])
    })
  )

  it.effect("waits for a message, as long as it is told to", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(administer("GET", "/inbox?to=late%40b.c&wait=30"))
      // mail to another address does not wake the request
      yield* register("shop", "other@b.c")
      yield* register("shop", "late@b.c")
      const { items } = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        items.map(({ to }) => to),
        ["late@b.c"]
      )
      assert.deepStrictEqual((yield* administer("GET", "/inbox?to=late%40b.c&wait=30")).items, items)
      assert.deepStrictEqual((yield* administer("GET", "/inbox?to=unknown%40b.c&wait=1")).items, [])
    })
  )

  it.effect("lists the applications", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>((yield* administer("GET", "/apps")).items, [
        { id: "shop", providers: ["anon-user", "local-userpass", "api-key", "custom-function"] },
        { id: "blog", providers: ["local-userpass"] }
      ])
    })
  )

  it.effect("makes a user that can log in, and shows everything about one but secrets", () =>
    Effect.gen(function* () {
      const made = yield* administer("POST", "/apps/shop/users", { email: "ada@b.c", password: "correct horse" })
      assert.strictEqual(made.status, 201)
      const { id } = made.body
      const { body: session } = yield* logIn("shop", "ada@b.c")
      assert.strictEqual(session["user_id"], id)
      const { body: key } = yield* post(`${root}/auth/api_keys`, { name: "ci" }, session["refresh_token"])
      yield* send("PUT", path("shop", "push/providers/gcm/registration"), {
        headers: { authorization: `Bearer ${session["access_token"]}` },
        body: { registrationToken: "push-token-of-ada" }
      })
      const shown = yield* administer("GET", `/apps/shop/users/${id}`)
      assert.strictEqual(shown.status, 200)
      const { account, createdAt, identities, sessions, ...user } = shownBy(shown)
      assert.deepStrictEqual(user, {
        id,
        type: "normal",
        disabled: false,
        apiKeys: [{ id: key["_id"], name: "ci", disabled: false }],
        pushRegistrations: [{ service: "gcm", deviceId: session["device_id"] }],
        customData: { theme: "dark" }
      })
      assert.deepStrictEqual<unknown>(account, { id: account.id, email: "ada@b.c", confirmed: true, userId: id })
      assert.deepStrictEqual(identities, [
        { id: account.id, providerType: "local-userpass", data: { email: "ada@b.c" } }
      ])
      assert.deepStrictEqual(
        sessions.map(({ deviceId, providerType }) => [deviceId, providerType]),
        [[session["device_id"], "local-userpass"]]
      )
      assert.strictEqual(new Date(String(createdAt)).toISOString(), createdAt)
      for (const secret of [
        key["key"],
        "push-token-of-ada",
        session["refresh_token"],
        session["access_token"],
        "scrypt"
      ]) {
        assert.notInclude(shown.text, secret)
      }
    })
  )

  it.effect("refuses users that cannot be, with the reason", () =>
    Effect.gen(function* () {
      const create = (body: unknown, app = "shop") => administer("POST", `/apps/${app}/users`, body)
      assert.strictEqual((yield* create({ email: "twice@b.c", password: "correct horse" })).status, 201)
      for (const [answer, status, message] of [
        [yield* create({ email: "twice@b.c", password: "correct horse" }), 409, /"twice@b.c" is registered already/],
        [yield* create({ email: "x@b.c", password: "short" }), 400, /between 6 and 128 characters/],
        [yield* create({ email: "", password: "correct horse" }), 400, /email invalid/],
        [yield* create({ email: "x@b.c" }), 400, /'password'/],
        [yield* create({ email: 7, password: "hunter2-password" }), 400, /'email'/],
        [yield* create({ email: "x@b.c", password: "hunter2-password" }, "none"), 404, /the server hosts shop, blog/],
        [yield* create({ email: "unwanted@b.c", password: "correct horse" }), 400, /not wanted here/]
      ] as const) {
        assert.strictEqual(answer.status, status, answer.text)
        assert.match(answer.body["message"], message)
        assert.notInclude(answer.text, "hunter2")
      }
      const { text } = yield* administer("GET", "/apps/shop/accounts?search=unwanted")
      assert.strictEqual(text, '{"items":[]}')
    })
  )

  it.effect("lists users and accounts in pages, and finds them by id and address", () =>
    Effect.gen(function* () {
      for (let i = 0; i < 5; i++) {
        yield* administer("POST", "/apps/blog/users", { email: `Page-${i}@b.c`, password: "correct horse" })
      }
      for (const [list, key] of [
        ["users", "id"],
        ["accounts", "email"]
      ] as const) {
        const found: Array<Record<string, string>> = []
        let next: string | undefined = ""
        for (let pages = 1; next !== undefined; pages++) {
          const query: string = `search=pAGE-&limit=2${next === "" ? "" : `&after=${encodeURIComponent(next)}`}`
          const { body, items }: Answer = yield* administer("GET", `/apps/blog/${list}?${query}`)
          found.push(...items)
          next = body["next"]
          assert.strictEqual(next === undefined, pages === 3)
        }
        const keys = found.map((item) => item[key])
        assert.strictEqual(new Set(keys).size, 5)
        assert.deepStrictEqual(keys, keys.toSorted())
      }
      const [third, ...more] = (yield* administer("GET", "/apps/blog/users?search=page-3")).items
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual((yield* administer("GET", `/apps/blog/users?search=${third["id"]}`)).items, [third])
      for (const query of ["limit=0", "limit=x", "limit=1001", "limit=1.5"]) {
        const { body, status } = yield* administer("GET", `/apps/blog/users?${query}`)
        assert.deepStrictEqual([status, body["_tag"]], [400, "InvalidRequest"], query)
        assert.match(body["message"], /'limit'/)
      }
    })
  )

  it.effect("revokes one session and all of them: no refresh any more", () =>
    Effect.gen(function* () {
      yield* administer("POST", "/apps/shop/users", { email: "many@b.c", password: "correct horse" })
      const [one, two, three] = [
        (yield* logIn("shop", "many@b.c")).body,
        (yield* logIn("shop", "many@b.c")).body,
        (yield* logIn("shop", "many@b.c")).body
      ]
      const user = `/apps/shop/users/${one["user_id"]}`
      const { sessions } = shownBy(yield* administer("GET", user))
      const first = sessions.find(({ deviceId }) => deviceId === one["device_id"])!["id"]
      const stranger = (yield* anonymous()).body
      const elsewhere = `/apps/shop/users/${stranger["user_id"]}/sessions/${first}`
      assert.strictEqual((yield* administer("DELETE", elsewhere)).body["_tag"], "SessionNotFound")
      const done = yield* administer("DELETE", `${user}/sessions/${first}`)
      assert.deepStrictEqual([done.status, done.text], [204, ""])
      const ended = {
        error: "invalid session: failed to find refresh token",
        error_code: "InvalidSession"
      }
      const refused = yield* refresh(one["refresh_token"])
      assert.strictEqual(refused.status, 401)
      assert.deepInclude(refused.body, ended)
      assert.strictEqual((yield* administer("DELETE", `${user}/sessions/${first}`)).status, 404)
      assert.strictEqual((yield* refresh(two["refresh_token"])).status, 201)
      assert.strictEqual((yield* administer("DELETE", `${user}/sessions`)).status, 204)
      for (const { refresh_token } of [two, three]) assert.deepInclude((yield* refresh(refresh_token)).body, ended)
      assert.strictEqual((yield* refresh(stranger["refresh_token"])).status, 201)
      assert.deepStrictEqual(shownBy(yield* administer("GET", user)).sessions, [])
    })
  )

  it.effect("disables, enables and deletes a user, whose next call says so", () =>
    Effect.gen(function* () {
      const { body } = yield* anonymous()
      const user = `/apps/shop/users/${body["user_id"]}`
      assert.strictEqual((yield* administer("POST", `${user}/disable`)).status, 204)
      assert.strictEqual(shownBy(yield* administer("GET", user))["disabled"], true)
      const call = yield* ping(body["access_token"])
      assert.deepStrictEqual([call.status, call.body["error_code"]], [403, "UserDisabled"])
      const refused = yield* refresh(body["refresh_token"])
      assert.deepStrictEqual([refused.status, refused.body["error_code"]], [401, "UserDisabled"])
      assert.strictEqual((yield* administer("POST", `${user}/enable`)).status, 204)
      assert.strictEqual((yield* ping(body["access_token"])).status, 200)
      assert.strictEqual((yield* administer("DELETE", user)).status, 204)
      const gone = yield* ping(body["access_token"])
      assert.deepStrictEqual([gone.status, gone.body["error_code"]], [401, "InvalidSession"])
      for (const answer of [
        yield* administer("GET", user),
        yield* administer("DELETE", user),
        yield* administer("POST", `${user}/disable`),
        yield* administer("POST", `${user}/enable`),
        yield* administer("DELETE", `${user}/sessions`)
      ]) {
        assert.strictEqual(answer.status, 404)
        assert.deepStrictEqual(answer.body, {
          _tag: "UserNotFound",
          appId: "shop",
          userId: body["user_id"],
          message: `the application "shop" has no user ${body["user_id"]}`
        })
      }
    })
  )

  it.effect("confirms and deletes accounts that wait, and sets passwords", () =>
    Effect.gen(function* () {
      const change = (what: string, body: unknown) => administer("POST", `/apps/shop/accounts/${what}`, body)
      const email = "a/b+%@b.c"
      yield* register("shop", email)
      const pending = yield* administer("GET", `/apps/shop/accounts?search=${encodeURIComponent(email)}`)
      const [{ id, ...account }] = pending.items
      assert.deepStrictEqual<unknown>(account, { email, confirmed: false })
      assert.strictEqual((yield* logIn("shop", email)).status, 401)
      assert.strictEqual((yield* change("confirm", { email })).status, 204)
      assert.strictEqual((yield* change("confirm", { email })).status, 204)
      const { body: session } = yield* logIn("shop", email)
      assert.strictEqual((yield* change("password", { email, password: "short" })).status, 400)
      assert.strictEqual((yield* change("password", { email, password: "battery staple" })).status, 204)
      assert.strictEqual((yield* refresh(session["refresh_token"])).status, 401)
      assert.strictEqual((yield* logIn("shop", email)).status, 401)
      assert.strictEqual((yield* logIn("shop", email, "battery staple")).body["user_id"], session["user_id"])
      const kept = yield* change("delete", { email })
      assert.deepStrictEqual([kept.status, kept.body["_tag"]], [409, "AccountInUse"])
      assert.include(kept.body["message"], `belongs to the user ${session["user_id"]}: delete that user instead`)
      yield* register("shop", "pending@b.c")
      assert.strictEqual((yield* change("delete", { email: "pending@b.c" })).status, 204)
      assert.strictEqual((yield* register("shop", "pending@b.c")).status, 201)
      for (const [what, body] of [
        ["confirm", { email: "no@b.c" }],
        ["delete", { email: "no@b.c" }],
        ["password", { email: "no@b.c", password: "battery staple" }]
      ] as const) {
        const answer = yield* change(what, body)
        assert.deepStrictEqual([answer.status, answer.body["_tag"]], [404, "AccountNotFound"])
      }
      assert.isString(id)
    })
  )

  it.effect("answers to no web page, and to nothing that a proxy or a resolver leads here", () =>
    Effect.gen(function* () {
      const routes = [
        ["GET", "/_admin/inbox"],
        ["GET", "/_admin/openapi.json"],
        ["POST", "/_admin/apps/shop/users"]
      ] as const
      for (const [method, path] of routes) {
        for (const headers of [
          { origin: "https://evil.test" },
          { origin: "null" },
          { host: "evil.test" },
          { host: "127.0.0.1.evil.test" },
          { host: "localhost.evil.test:80" },
          { forwarded: "for=203.0.113.7" },
          { "x-forwarded-for": "203.0.113.7" },
          { "x-forwarded-host": "shop.test" },
          { "x-real-ip": "203.0.113.7" },
          { via: "1.1 proxy" }
        ] as ReadonlyArray<Record<string, string>>) {
          const { body, status } = yield* send(method, path, { headers: { authorization, ...headers } })
          assert.deepStrictEqual(
            [status, body],
            [
              403,
              {
                _tag: "NotLocal",
                message: "the administration API accepts requests from the server's own machine only"
              }
            ],
            JSON.stringify(headers)
          )
        }
        for (const host of ["localhost:9090", "127.0.0.1", "[::1]:9090", "LOCALHOST"]) {
          assert.notStrictEqual((yield* send(method, path, { headers: { authorization, host } })).status, 403, host)
        }
      }
    })
  )

  it.effect("rejects reads and changes without the token", () =>
    Effect.gen(function* () {
      const token = Redacted.value(adminToken)
      for (const [method, path] of [
        ["GET", "/inbox"],
        ["GET", "/apps"],
        ["GET", "/apps/shop/users"],
        ["GET", "/apps/shop/accounts"],
        ["POST", "/apps/shop/users"],
        ["POST", "/apps/shop/accounts/confirm"],
        ["DELETE", "/apps/shop/users/x"]
      ] as const) {
        for (const headers of [
          {},
          { authorization: "Bearer " },
          { authorization: `Bearer ${token.slice(1)}` },
          { authorization: `Bearer ${token}x` },
          { authorization: `Basic ${token}` },
          { cookie: `token=${token}` }
        ] as ReadonlyArray<Record<string, string>>) {
          const answer = yield* send(method, `/_admin${path}`, { headers })
          assert.strictEqual(answer.status, 401, `${path} ${JSON.stringify(headers)}`)
          assert.strictEqual(answer.body["_tag"], "TokenRejected")
          assert.strictEqual(answer.headers["cache-control"], "no-store")
          assert.notInclude(answer.text, token)
        }
      }
    })
  )

  it.effect("takes changes as JSON only", () =>
    Effect.gen(function* () {
      const raw = '{"email":"form@b.c","password":"correct horse"}'
      const create = (type: string, raw: string) =>
        send("POST", "/_admin/apps/shop/users", { raw, headers: { authorization, "content-type": type } })
      for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
        const { body, status } = yield* create(type, raw)
        assert.deepStrictEqual([status, body["message"]], [415, "send JSON: 'content-type: application/json'"])
      }
      for (const text of ["", "{", "[]", "null", '{"email":{}}']) {
        const { body, status } = yield* create("application/json", text)
        assert.deepStrictEqual([status, body["_tag"]], [400, "InvalidRequest"], text)
      }
    })
  )

  it.effect("describes itself", () =>
    Effect.gen(function* () {
      const { body } = yield* send("GET", "/_admin/openapi.json")
      assert.include(Object.keys(body["paths"]), "/_admin/apps/{app}/users/{userId}/disable")
    })
  )
})
