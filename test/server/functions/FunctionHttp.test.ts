import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import { anonymous, callFunction } from "../support.ts"
import { ok, type Request, server } from "./httpServer.ts"
import { exported, result } from "./support.ts"

/** A port of loopback that nothing listens on. */
const closedPort = Effect.scoped(Effect.map(server(ok), ({ port }) => port))

describe("context.http", () => {
  it.effect("sends requests of each method, and answers with all there is to know", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(({ method }, response) =>
        response
          .writeHead(201, "Made", [
            ["content-type", "application/json"],
            ["set-cookie", "a=1; Path=/; HttpOnly"],
            ["set-cookie", "b=x=y"],
            ["x-many", "one"],
            ["x-many", "two"]
          ])
          .end(method === "HEAD" ? undefined : '{"id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"n":1}')
      )
      const source = `exports = async (url) => {
        const { http } = context
        const statuses = []
        for (const name of ["get", "post", "put", "patch", "delete", "head", "options"]) {
          statuses.push((await http[name]({ url: url + "/" + name, headers: { "X-Key": ["k"] } })).statusCode)
        }
        const answer = await http.get({ url })
        const { body, ...rest } = answer
        return { statuses, rest, id: EJSON.parse(body.text()).id, json: JSON.parse(body.text()).n, base64: body.toBase64().slice(0, 4),
          type: body instanceof BSON.Binary, plain: answer instanceof Object }
      }`
      const value = (yield* result(source, [url])) as Record<string, unknown>
      const { headers, ...rest } = value["rest"] as Record<string, Record<string, unknown>>
      assert.deepStrictEqual(
        value["statuses"],
        Array.from({ length: 7 }, () => ({ $numberInt: "201" }))
      )
      assert.deepStrictEqual(rest, {
        status: "201 Made",
        statusCode: { $numberInt: "201" },
        contentLength: { $numberInt: "48" },
        cookies: { a: "1", b: "x=y" }
      } as never)
      assert.deepStrictEqual(headers["Content-Type"], ["application/json"])
      assert.deepStrictEqual(headers["Set-Cookie"], ["a=1; Path=/; HttpOnly", "b=x=y"])
      assert.deepStrictEqual(headers["X-Many"], ["one, two"])
      assert.deepStrictEqual(
        [value["id"], value["json"], value["base64"], value["type"], value["plain"]],
        [{ $oid: "5f1d7f3e9c1b2a0012345678" }, { $numberInt: "1" }, "eyJp", true, true]
      )
      assert.deepStrictEqual(
        requests.slice(0, 7).map(({ headers, method, url }) => [method, url, headers["x-key"]]),
        ["get", "post", "put", "patch", "delete", "head", "options"].map((name) => [
          name.toUpperCase(),
          `/${name}`,
          "k"
        ])
      )
    })
  )

  it.effect("sends texts, binaries, values as JSON, and forms", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(ok)
      yield* result(
        `exports = async (url) => {
          const id = new BSON.ObjectId("5f1d7f3e9c1b2a0012345678")
          const post = (more) => context.http.post({ url, ...more })
          await post({ body: "text" })
          await post({ body: BSON.Binary.fromText("bytes") })
          await post({ body: { id, at: new Date(0), n: 5, big: 2 ** 40, none: undefined, list: [undefined, 1.5] }, encodeBodyAsJSON: true })
          await post({ body: { msg: "hi" } })
          await post({ body: "text", encodeBodyAsJSON: true, headers: { "content-type": ["application/problem+json"] } })
          await post({ form: { a: "1 2", b: ["x", "y"] }, headers: { "Content-Type": "application/x-www-form-urlencoded" } })
          await post({ form: { a: "1 2" }, headers: { "Content-Type": ["multipart/form-data"] } })
          await post({ encodeBodyAsJSON: true })
        }`,
        [url]
      )
      const bodies = requests.map(({ body, headers }) => [headers["content-type"], body])
      assert.deepStrictEqual(bodies.slice(0, 6), [
        ["text/plain;charset=UTF-8", "text"],
        [undefined, "bytes"],
        [
          "application/json",
          '{"id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"at":{"$date":"1970-01-01T00:00:00Z"},"n":5,"big":1099511627776,"list":[null,1.5]}'
        ],
        ["application/json", '{"msg":"hi"}'],
        ["application/problem+json", '"text"'],
        ["application/x-www-form-urlencoded", "a=1+2&b=x&b=y"]
      ])
      assert.match(bodies[6]?.[0] ?? "", /^multipart\/form-data; boundary=/)
      assert.match(bodies[6]?.[1] ?? "", /name="a"\r\n\r\n1 2\r\n/)
      assert.deepStrictEqual(bodies[7], [undefined, ""])
    })
  )

  it.effect("builds a URL of its parts, with credentials and cookies", () =>
    Effect.gen(function* () {
      const { port, requests } = yield* server(ok)
      yield* result(
        `exports = async (port) => {
          const host = "127.0.0.1:" + port
          await context.http.get({ scheme: "http", host, path: "/a b", query: { id: ["1"], color: ["red", "blue"], q: "&" }, fragment: "f",
            cookies: { team: "Cubs", n: "1" } })
          await context.http.get({ host: "127.0.0.1", port, username: "u", password: "p:w" })
          await context.http.get({ url: "http://me%40x:pw@" + host + "/" })
          await context.http.get({ url: "http://me:pw@" + host + "/", headers: { Authorization: ["Bearer t"] } })
        }`,
        [port]
      )
      const [parts, basic, inUrl, given] = requests
      assert.deepStrictEqual(
        [parts?.url, parts?.headers.cookie],
        ["/a%20b?id=1&color=red&color=blue&q=%26", "team=Cubs; n=1"]
      )
      const decoded = (request: Request | undefined) =>
        Buffer.from(request?.headers.authorization?.slice("Basic ".length) ?? "", "base64").toString()
      assert.deepStrictEqual([decoded(basic), decoded(inUrl)], ["u:p:w", "me@x:pw"])
      assert.strictEqual(given?.headers.authorization, "Bearer t")
    })
  )

  it.effect("follows redirects where it is told to, and only there", () =>
    Effect.gen(function* () {
      const { url } = yield* server(({ url }, response) =>
        url === "/end" ? response.end("end") : response.writeHead(302, { location: "/end" }).end("moved")
      )
      const source = `exports = async (url) => {
        const stay = await context.http.get({ url })
        const go = await context.http.get({ url, followRedirects: true })
        return [stay.statusCode, stay.headers.Location[0], stay.body.text(), go.statusCode, go.body.text()]
      }`
      assert.deepStrictEqual(yield* result(source, [url]), [
        { $numberInt: "302" },
        "/end",
        "moved",
        { $numberInt: "200" },
        "end"
      ])
    })
  )

  it.effect("reads what is compressed", () =>
    Effect.gen(function* () {
      const { url } = yield* server((_, response) =>
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("plain"))
      )
      const source = `exports = async (url) => {
        const { body, contentLength, headers } = await context.http.get({ url })
        return [body.text(), contentLength, "Content-Encoding" in headers]
      }`
      assert.deepStrictEqual(yield* result(source, [url]), ["plain", { $numberInt: "5" }, false])
    })
  )

  it.effect.each(["MD5", "SHA-256"])("authenticates by digest, %s", (algorithm) =>
    Effect.gen(function* () {
      const hash = (text: string) => createHash(algorithm.replace("-", "").toLowerCase()).update(text).digest("hex")
      const challenge = `Digest realm="the \\"realm\\"", nonce="n0", qop="auth,auth-int", algorithm=${algorithm}, opaque="o"`
      const { requests, url } = yield* server(({ headers, method, url }, response) => {
        const { authorization = "" } = headers
        const part = (name: string) => new RegExp(`[ ,]${name}="?([^",]+)"?`).exec(authorization)?.[1]
        const user = hash('user:the "realm":secret')
        const expected = hash(`${user}:n0:${part("nc")}:${part("cnonce")}:auth:${hash(`${method}:${url}`)}`)
        if (part("response") === expected && part("opaque") === "o") response.end("in")
        else response.writeHead(401, { "www-authenticate": challenge }).end("out")
      })
      const source = `exports = async (url) => {
        const ask = (password) => context.http.post({ url, username: "user", password, digestAuth: true, body: { a: 1 }, encodeBodyAsJSON: true })
        return [(await ask("secret")).body.text(), (await ask("wrong")).body.text()]
      }`
      assert.deepStrictEqual(yield* result(source, [`${url}/x?y=1`]), ["in", "out"])
      assert.deepStrictEqual(
        requests.map(({ body }) => body),
        Array(4).fill('{"a":1}')
      )
      assert.isUndefined(requests[0]?.headers.authorization)
    })
  )

  it.effect("takes the cookies of an address that grants them", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* server(({ url }, response) =>
        (url === "/login" ? response.setHeader("set-cookie", "session=s; Secure") : response).end("x")
      )
      yield* result("exports = async (url) => { await context.http.get({ url, authUrl: url + '/login' }) }", [url])
      assert.deepStrictEqual(
        requests.map(({ headers, url }) => [url, headers.cookie]),
        [
          ["/login", undefined],
          ["/", "session=s"]
        ]
      )
    })
  )

  it.effect("is what services of type http are", () =>
    Effect.gen(function* () {
      const { url } = yield* server(ok)
      const value = yield* result(
        `exports = async (url) => {
          const answers = [await context.services.get("web").get({ url }), await context.services.get("old").post({ url, body: "" })]
          return answers.map((answer) => answer.body.text())
        }`,
        [url],
        {},
        {
          "services/web/config.json": { name: "web", type: "http" },
          "http_endpoints/old/config.json": { name: "old", type: "http" }
        }
      )
      assert.deepStrictEqual(value, ["ok", "ok"])
    })
  )

  it.effect("says where a request failed and why, and nothing of what was sent", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { url } = yield* server((_, response) => response.destroy())
      const half = yield* server((_, response) =>
        response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy())
      )
      const cases = [
        [
          { url: `http://me:hunter2@127.0.0.1:${port}/hunter2?k=hunter2` },
          `GET http://127.0.0.1:${port} failed: connection refused (ECONNREFUSED)`
        ],
        [{ url: `${url}/hunter2` }, `GET ${url} failed: the connection was closed`],
        [{ url: half.url }, `GET ${half.url} failed: the connection was closed`],
        [{ url: "http://no-such-host.invalid/hunter2" }, "GET http://no-such-host.invalid failed: "],
        [{ url: "file:///etc/passwd" }, 'a request cannot go to "file:": only http: and https: are supported'],
        [{ url: "hunter2" }, "invalid URL of the request"],
        [{}, 'a request needs a "url", or a "host"'],
        ["hunter2", 'http.get takes an object with a "url"'],
        [
          { url, headers: { "X-Key": ["hunter2\n"], "no name": "hunter2" } },
          'invalid header "no name": its name or value has characters that cannot be sent'
        ],
        [{ url, headers: "hunter2" }, '"headers" must be an object'],
        [{ url, body: "hunter2" }, 'a GET request cannot have a "body"'],
        [{ url, body: "hunter2", form: {} }, 'a request has a "body" or a "form", not both'],
        [{ url, digestAuth: true }, '"digestAuth" needs a "username" and a "password"']
      ] as const
      const { access_token } = yield* anonymous()
      for (const [argument, text] of cases) {
        const { body, status } = yield* callFunction(access_token, "get", [argument])
        assert.strictEqual(status, 400)
        assert.include(body["error"], text)
        assert.notInclude(body["error"], "hunter2")
      }
      const { body } = yield* callFunction(access_token, "put", [url])
      assert.include(body["error"], '"encodeBodyAsJSON: true" sends any other value')
    }).pipe(
      Effect.provide(
        exported({
          get: "exports = (argument) => context.http.get(argument)",
          put: "exports = (url) => context.http.put({ url, body: 1 })"
        })
      )
    )
  )

  it.effect("rejects its promise with an error of the function's own kind", () =>
    Effect.map(result("exports = () => context.http.get({}).catch((e) => e instanceof Error)"), (value) =>
      assert.isTrue(value)
    )
  )

  it.live("waits no longer than a call may take", () =>
    Effect.gen(function* () {
      const { url } = yield* server((_, response) => response.writeHead(200).write("never ends"))
      const { body } = yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous()
        return yield* callFunction(access_token, "f", [url])
      }).pipe(
        Effect.provide(
          exported({ f: "exports = (url) => context.http.get({ url })" }, {}, { functionTimeLimit: "300 millis" })
        )
      )
      assert.match(body["error"], /execution time limit exceeded|no complete answer within 300 ms/)
    })
  )
})
