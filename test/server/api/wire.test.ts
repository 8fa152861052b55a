import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { App } from "effect-app-services/server"
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import * as NodeAppServicesServer from "../../../src/node/NodeAppServicesServer.ts"
import { type RawAnswer, rawRequest } from "../../support/rawRequest.ts"
import { claims, loginPath, path, root } from "../support.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, emailPassword: true, customFunction: "authenticate" },
  functions: {
    authenticate: (credentials: Record<string, unknown>) => {
      if (credentials["defect"] === true) return "a"
      return JSON.stringify(Object.keys(credentials).toSorted())
    },
    echo: (value: unknown) => value,
    polluted: (value: Record<string, unknown>) => [Object.getPrototypeOf(value) === Object.prototype, "x" in {}]
  },
  customUserData: ({ identities }) => {
    // an operator's mistake: no document
    if (identities[0]?.id === "a") return { bad: new Date(NaN) }
    return undefined
  }
})

/** Exactly these headers and this path on the wire. */
const send = (method: string, target: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (url) => rawRequest(url, method, target, headers, body))

/** The body of an answer; of an error, without the link that those of the client API have. */
const json = ({ text }: RawAnswer) => {
  const { link: _, ...body } = JSON.parse(text) as Record<string, string>
  return body
}
const isJson = ({ headers }: RawAnswer) => assert.strictEqual(headers["content-type"], "application/json")
const logIn = Effect.map(send("POST", loginPath("my-app", "anon-user")), json)

// one test provokes a defect, which the server logs
const Server = NodeAppServicesServer.layer(app, { passwordHashing: "testing" }).pipe(Layer.provide(Logger.layer([])))

layer(Server, { excludeTestServices: true })("over a socket", (it) => {
  describe("every answer", () => {
    it.effect("is application/json without parameters if it has a body", () =>
      Effect.gen(function* () {
        const { access_token, refresh_token } = yield* logIn
        const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` })
        const call = path("my-app", "functions/call")
        const replies: ReadonlyArray<readonly [status: number, RawAnswer]> = [
          [200, yield* send("GET", path("my-app", "location"))],
          [
            200,
            yield* send(
              "POST",
              loginPath("my-app", "anon-user"),
              { "content-type": "application/json; charset=utf-8" },
              "{}"
            )
          ],
          [201, yield* send("POST", `${root}/auth/session`, bearer(refresh_token))],
          [200, yield* send("GET", `${root}/auth/profile`, bearer(access_token))],
          [200, yield* send("POST", call, bearer(access_token), `{"name":"echo","arguments":["héllo"]}`)],
          [
            201,
            yield* send(
              "POST",
              path("my-app", "auth/providers/local-userpass/register"),
              {},
              `{"email":"a@b.c","password":"secret1"}`
            )
          ],
          [400, yield* send("POST", loginPath("my-app", "anon-user"), {}, "{nope")],
          [400, yield* send("POST", loginPath("my-app", "anon-user"), {}, "[1]")],
          [400, yield* send("POST", loginPath("my-app", "nope"), {}, "")],
          [401, yield* send("GET", `${root}/auth/profile`)],
          [404, yield* send("GET", "/")],
          [404, yield* send("GET", "/favicon.ico")],
          [404, yield* send("GET", `${root}/auth/%zz`)],
          [404, yield* send("PATCH", `${root}/auth/profile`)],
          [404, yield* send("GET", path("none", "location"))],
          [404, yield* send("GET", path("x".repeat(500), "location"))],
          [404, yield* send("POST", call, bearer(access_token), `{"name":"nope"}`)],
          [500, yield* send("POST", loginPath("my-app", "custom-function"), {}, `{"defect":true}`)]
        ]
        for (const [status, reply] of replies) {
          assert.strictEqual(reply.status, status, reply.text)
          isJson(reply)
          if (status >= 400) assert.isString(json(reply)["error"])
        }
      })
    )

    it.effect("has no content type if it has no body", () =>
      Effect.gen(function* () {
        const { refresh_token } = yield* logIn
        const reply = yield* send("DELETE", `${root}/auth/session`, {
          authorization: `Bearer ${refresh_token}`,
          "content-type": "application/json;charset=utf-8"
        })
        assert.strictEqual(reply.status, 204)
        assert.isUndefined(reply.headers["content-type"])
        assert.strictEqual(reply.text, "")
      })
    )

    it.effect("says how long to wait after too many attempts, also to browsers", () =>
      Effect.gen(function* () {
        const attempt = send(
          "POST",
          loginPath("my-app", "local-userpass"),
          { origin: "https://shop.example" },
          `{"username":"guessed@b.c","password":"wrong-1"}`
        )
        for (let i = 0; i < 10; i++) assert.strictEqual((yield* attempt).status, 401)
        const reply = yield* attempt
        assert.strictEqual(reply.status, 429)
        isJson(reply)
        assert.match(json(reply)["error"], /^too many requests: try again in \d+ seconds$/)
        assert.match(String(reply.headers["retry-after"]), /^\d+$/)
        assert.match(String(reply.headers["access-control-expose-headers"]), /retry-after/)
      })
    )

    it.effect("has a unique link below the base URL if it is an error", () =>
      Effect.gen(function* () {
        const baseUrl = yield* NodeAppServicesServer.baseUrl
        const linkOf = (reply: RawAnswer) => (JSON.parse(reply.text) as Record<string, unknown>)["link"]
        const { access_token } = yield* logIn
        const bearer = { authorization: `Bearer ${access_token}`, origin: "https://shop.example" }
        const replies = [
          yield* send("GET", `${root}/auth/profile`),
          yield* send("POST", path("my-app", "functions/call"), bearer, `{"name":"nope"}`),
          yield* send("GET", path("my-app", "functions/call"), bearer),
          yield* send("POST", `${root}/app/my-app//functions/call`, bearer, `{"name":"nope"}`),
          yield* send("GET", path("none", "location")),
          yield* send("POST", loginPath("my-app", "custom-function"), {}, `{"defect":true}`)
        ]
        const ids = replies.map((reply) => {
          const [link, id] = String(linkOf(reply)).split("/logs?co_id=")
          assert.strictEqual(link, baseUrl, reply.text)
          assert.strictEqual(Number(reply.headers["content-length"]), Buffer.byteLength(reply.text))
          return id ?? ""
        })
        for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/)
        assert.strictEqual(new Set(ids).size, replies.length)
        const proxied = yield* send("GET", `${root}/auth/profile`, { "x-forwarded-proto": "https", host: "shop.test" })
        assert.match(String(linkOf(proxied)), /^https:\/\/shop\.test\/logs\?co_id=/)
        const page = yield* send("GET", `/logs?co_id=${ids[0]}`)
        assert.deepStrictEqual([page.status, linkOf(page)], [404, undefined])
        assert.match(json(page)["error"], /finds the request by its co_id in the request log/)
      })
    )

    it.effect("does not reveal a defect", () =>
      Effect.gen(function* () {
        const reply = yield* send("POST", loginPath("my-app", "custom-function"), {}, `{"defect":true}`)
        assert.deepStrictEqual(json(reply), { error: "internal server error", error_code: "InternalServerError" })
      })
    )
  })

  describe("a body", () => {
    it.effect("is accepted absent, empty or {}, with any or no content type", () =>
      Effect.gen(function* () {
        const types: ReadonlyArray<Record<string, string>> = [
          {},
          { "content-type": "application/json" },
          { "content-type": "application/json;charset=utf-8" },
          { "content-type": "text/plain" },
          { "content-type": "application/x-www-form-urlencoded" },
          { "content-type": "nonsense" }
        ]
        for (const headers of types) {
          for (const body of [
            undefined,
            "",
            " \n",
            "{}",
            "null",
            `{"options":null,"provider":"anon-user","more":{"a":1}}`
          ]) {
            const reply = yield* send("POST", loginPath("my-app", "anon-user"), headers, body)
            assert.strictEqual(reply.status, 200, `${JSON.stringify(headers)} ${body}`)
          }
          const { refresh_token } = yield* logIn
          const refreshed = yield* send("POST", `${root}/auth/session`, {
            ...headers,
            authorization: `Bearer ${refresh_token}`
          })
          assert.strictEqual(refreshed.status, 201)
        }
      })
    )

    it.effect("is rejected if it is malformed, too deep or of another shape, and the next request is served", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const authorization = `Bearer ${access_token}`
        const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
        const bodies: ReadonlyArray<readonly [body: string | Buffer, error: RegExp]> = [
          ["<html>", /^invalid request body: the text is not JSON$/],
          ['{"name":"echo"', /^invalid request body: the text is not JSON$/],
          [Buffer.from([0xff, 0xfe, 0x00]), /^invalid request body: it is not UTF-8$/],
          [Buffer.from(`{"name":"\xff"}`, "latin1"), /^invalid request body: it is not UTF-8$/],
          [`{"name":"echo","service":5}`, /'service' must be a string/],
          ["[]", /must be a JSON object/],
          ["5", /must be a JSON object/],
          [`{"$oid":"5f1d7f3e9c1b2a0012345678"}`, /'name' is a required string/],
          [`{"name":5}`, /'name' is a required string/],
          [`{"name":"echo","arguments":{}}`, /'arguments' must be an array/],
          [`{"name":"echo","arguments":[{"$oid":"x"}]}`, /^invalid request body: \$oid/],
          [`{"name":"echo","arguments":[{"$date":"x"}]}`, /^invalid request body: \$date/],
          [`{"name":"echo","arguments":[${deep}]}`, /nests values too deeply/],
          [`{"name":"find","service":"mongodb-atlas"}`, /^service not found: 'mongodb-atlas'/]
        ]
        for (const [body, error] of bodies) {
          const reply = yield* send("POST", path("my-app", "functions/call"), { authorization }, body)
          assert.isTrue(reply.status === 400 || reply.status === 404, `${reply.status}`)
          isJson(reply)
          assert.match(json(reply)["error"], error)
        }
        for (const body of [`{"name":"echo"}`, `{"name":"echo","arguments":null}`]) {
          assert.strictEqual(
            (yield* send("POST", path("my-app", "functions/call"), { authorization }, body)).status,
            200
          )
        }
      })
    )

    it.effect("is rejected above 18 MiB, or above 2 MiB without a token and outside of calls", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const headers = { authorization: `Bearer ${access_token}` }
        const spaces = (megabytes: number) => Buffer.alloc(megabytes * 1024 * 1024 + 1, 32)
        const call = path("my-app", "functions/call")
        assert.strictEqual((yield* send("POST", call, headers, spaces(3))).status, 400)
        const chunked = { "transfer-encoding": "chunked" }
        const replies = [
          [18, yield* send("POST", call, headers, spaces(18))],
          [18, yield* send("POST", call, { ...headers, ...chunked }, spaces(18))],
          [2, yield* send("POST", loginPath("my-app", "anon-user"), {}, spaces(2))],
          [2, yield* send("POST", loginPath("my-app", "anon-user"), chunked, spaces(2))],
          [2, yield* send("POST", path("my-app", "auth/providers/local-userpass/reset/call"), {}, spaces(2))]
        ] as const
        for (const [megabytes, reply] of replies) {
          assert.strictEqual(reply.status, 413)
          isJson(reply)
          assert.deepStrictEqual(json(reply), {
            error: `the request body is larger than ${megabytes} MiB`,
            error_code: "ReadSizeLimitExceeded"
          })
        }
      })
    )

    it.effect.each([
      ["empty documents", 2_000_000, "{}"],
      ["empty arrays", 2_000_000, "[ ]"],
      ["documents", 1_000_000, '{"a":1}'],
      ["numbers", 2_000_000, "0"]
    ] as const)("of more than two million values is refused before it is read: %s", ([, times, item]) =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const headers = { authorization: `Bearer ${access_token}` }
        const call = path("my-app", "functions/call")
        const reply = yield* send("POST", call, headers, `{"arguments":[${`${item},`.repeat(times - 1)}${item}]}`)
        assert.strictEqual(reply.status, 413)
        assert.deepStrictEqual(json(reply), {
          error: "the request body holds more than 2000000 values: send them in several requests",
          error_code: "ReadSizeLimitExceeded"
        })
        const text = JSON.stringify('\\",[{'.repeat(1_000_000))
        const long = yield* send("POST", call, headers, `{"name":${text},"arguments":[${"{},".repeat(1_000)}{}]}`)
        assert.strictEqual(long.status, 404, "commas of a text separate nothing")
      })
    )

    it.effect("is rejected with a NUL in the name of a field", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const body = `{"name":"polluted","arguments":[{"a\\u0000b":1}]}`
        const headers = { authorization: `Bearer ${access_token}` }
        const reply = yield* send("POST", path("my-app", "functions/call"), headers, body)
        assert.strictEqual(reply.status, 400)
        assert.deepStrictEqual(json(reply), {
          error: "invalid request body: the name of a field contains a NUL",
          error_code: "BadRequest"
        })
      })
    )

    it.effect("is rejected if it is compressed", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const headers = { authorization: `Bearer ${access_token}`, "content-encoding": "gzip" }
        const bomb = gzipSync(Buffer.alloc(50_000_000, 32))
        const reply = yield* send("POST", path("my-app", "functions/call"), headers, bomb)
        assert.strictEqual(reply.status, 400)
        assert.deepStrictEqual(json(reply), {
          error: "the request body has a content-encoding: send it without one",
          error_code: "BadRequest"
        })
      })
    )

    it.effect("does not pollute prototypes with a key __proto__", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        const body = `{"__proto__":{"x":1},"name":"polluted","arguments":[{"__proto__":{"x":{"$numberInt":"1"}}}]}`
        const reply = yield* send(
          "POST",
          path("my-app", "functions/call"),
          { authorization: `Bearer ${access_token}` },
          body
        )
        assert.strictEqual(reply.text, "[true,false]")
      })
    )
  })

  describe("a request", () => {
    it.effect("is accepted with any Authorization header on a public route", () =>
      Effect.gen(function* () {
        for (const authorization of ["Bearer null", "Bearer ", "Bearer", "Basic x", "Bearer a.b.c"]) {
          assert.strictEqual((yield* send("POST", loginPath("my-app", "anon-user"), { authorization })).status, 200)
          assert.strictEqual((yield* send("GET", path("my-app", "location"), { authorization })).status, 200)
        }
      })
    )

    it.effect("is accepted with double slashes, and header names of any case", () =>
      Effect.gen(function* () {
        const { access_token } = yield* logIn
        assert.strictEqual((yield* send("GET", `//${path("my-app", "location")}`)).status, 200)
        assert.strictEqual(
          (yield* send("GET", `/${root}//auth///profile`, { AUTHORIZATION: `bearer ${access_token}` })).status,
          200
        )
        assert.strictEqual(
          (yield* send(
            "POST",
            `${path("my-app", "functions/call")}?func=echo`,
            { authorization: `Bearer ${access_token}` },
            `{"name":"echo"}`
          )).status,
          200
        )
      })
    )

    it.effect("is accepted from pages of any origin", () =>
      Effect.gen(function* () {
        const origin = "https://shop.example"
        const preflight = yield* send("OPTIONS", `${root}/auth/session`, {
          origin,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type"
        })
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers["access-control-allow-origin"], origin)
        assert.strictEqual(preflight.headers["access-control-allow-headers"], "authorization,content-type")
        assert.strictEqual(preflight.headers["access-control-allow-methods"], "GET, POST, PUT, PATCH, DELETE, OPTIONS")
        for (const target of [path("my-app", "location"), "/nowhere", `${root}/auth/profile`]) {
          const reply = yield* send("GET", target, { origin })
          assert.strictEqual(reply.headers["access-control-allow-origin"], origin, target)
          assert.match(String(reply.headers["access-control-expose-headers"]), /x-baas-location/)
        }
        assert.isUndefined((yield* send("GET", path("my-app", "location"))).headers["access-control-allow-origin"])
      })
    )

    it.effect("ends its own connection only if it is not HTTP", () =>
      Effect.gen(function* () {
        const { port } = new URL(yield* NodeAppServicesServer.baseUrl)
        yield* Effect.callback<void>((resume) => {
          const socket = connect(Number(port), "127.0.0.1", () => socket.end("\0\0 nonsense\r\n\r\n"))
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.void))
          socket.resume()
        })
        assert.strictEqual((yield* send("GET", path("my-app", "location"))).status, 200)
      })
    )

    it.effect("for a HEAD gets the headers of a GET", () =>
      Effect.gen(function* () {
        const reply = yield* send("HEAD", path("my-app", "location"))
        assert.strictEqual(reply.status, 200)
        isJson(reply)
        assert.strictEqual(reply.text, "")
      })
    )
  })

  describe("the location", () => {
    const location = (headers: Record<string, string>) =>
      Effect.map(send("GET", path("my-app", "location"), headers), json)

    it.effect("has all four fields, and leads back to where the client came from", () =>
      Effect.gen(function* () {
        const url = yield* NodeAppServicesServer.baseUrl
        assert.deepStrictEqual(yield* location({}), {
          hostname: url,
          ws_hostname: url.replace("http", "ws"),
          location: "US-VA",
          deployment_model: "GLOBAL"
        })
      })
    )

    it.effect("goes by what proxies say", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
          [{ host: "localhost:5000" }, "http://localhost:5000"],
          [{ host: "[::1]:5000" }, "http://[::1]:5000"],
          [{ "x-forwarded-proto": "https", "x-forwarded-host": "a.example" }, "https://a.example"],
          [
            { "x-forwarded-proto": "https, http", "x-forwarded-host": "a.example:8443, b.example" },
            "https://a.example:8443"
          ],
          [{ forwarded: `for=1.2.3.4;proto=https;host="c.example:1"` }, "https://c.example:1"],
          [{ host: "x.example", "x-forwarded-proto": "https" }, "https://x.example"],
          [{ "x-forwarded-host": "a.example/evil?" }, "http://localhost"],
          [{ "x-forwarded-host": "user@evil" }, "http://localhost"],
          [{ host: "x.example", "x-forwarded-proto": "javascript" }, "http://x.example"]
        ]
        for (const [headers, hostname] of cases) assert.strictEqual((yield* location(headers))["hostname"], hostname)
      })
    )
  })

  it.effect("a custom function sees the whole payload but the options", () =>
    Effect.gen(function* () {
      const reply = yield* send(
        "POST",
        loginPath("my-app", "custom-function"),
        {},
        `{"b":1,"a":{"$oid":"5f1d7f3e9c1b2a0012345678"},"options":{}}`
      )
      const identity = claims(json(reply)["refresh_token"])["baas_identity"] as Record<string, unknown>
      assert.strictEqual(identity["id"], `["a","b"]`)
    })
  )
})

layer(Layer.empty)("a server", (it) => {
  it.effect("is refused beyond loopback with test settings", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Layer.build(NodeAppServicesServer.layer(app, { passwordHashing: "testing", host: "0.0.0.0" }))
      )
      assert.strictEqual(error._tag, "AppServicesServerError")
      assert.match((error as { message: string }).message, /works on a loopback address only/)
    })
  )

  it.effect("does not start with two applications of one id, or a short key", () =>
    Effect.gen(function* () {
      const two = yield* Effect.flip(Layer.build(NodeAppServicesServer.layer([app, app])))
      assert.deepInclude(two, {
        _tag: "AppServicesServerError",
        message: 'two applications have the id "my-app": give each its own'
      })
    })
  )
})
