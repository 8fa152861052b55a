import { assert, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { HttpMethod } from "effect/http"
import { createHmac } from "node:crypto"
import { anonymous, ask, emailPassword, register } from "../support.ts"
import { exported, load } from "../functions/support.ts"

const secret = "a-secret-of-tests"

const endpoint = (route: string, function_name: string, more: object = {}) => ({
  route,
  http_method: "POST",
  function_name,
  validation_method: "NO_VALIDATION",
  respond_result: true,
  ...more
})

const functions = {
  echo: `exports = ({ query, headers, body }, response) => ({
    query, text: body === undefined ? "no body" : body.text(), type: headers["Content-Type"], same: headers["content-type"]
  })`,
  seen: `exports = () => ({ ...context.request, requestHeaders: undefined, header: context.request.requestHeaders["X-Test"] })`,
  types: `exports = () => ({
    id: new BSON.ObjectId("507f1f77bcf86cd799439011"), date: new Date(0), long: BSON.Long.fromString("9007199254740993"),
    decimal: BSON.Decimal128.fromString("1.50"), double: BSON.Double(2), bytes: BSON.Binary.fromText("a"), regexp: /a/i
  })`,
  nothing: "exports = () => {}",
  text: `exports = () => 'a "text"'`,
  cursor: `exports = async () => {
    const c = context.services.get("m").db("d").collection("c")
    await c.deleteMany({})
    await c.insertMany([{ n: 1 }, { n: 2 }])
    return c.find({}, { _id: 0 })
  }`,
  created: `exports = (request, response) => {
    response.setStatusCode(201); response.setHeader("X-A", "1"); response.setHeader("x-a", "2"); response.addHeader("X-A", "3")
    response.addHeader("Set-Cookie", "a=1"); response.addHeader("Set-Cookie", "b=2"); response.setHeader("Content-Length", "1")
    return { created: true }
  }`,
  body: `exports = (request, response) => { response.setStatusCode(418); response.setBody("short and stout"); return "dropped" }`,
  jsonBody: `exports = (request, response) => { response.setBody(JSON.stringify({ a: 1 })) }`,
  bytes: `exports = (request, response) => { response.setHeader("Content-Type", "image/png"); response.setBody(BSON.Binary.fromHex("ff00")) }`,
  document: `exports = (request, response) => { response.setBody({ a: BSON.Long.fromNumber(1) }) }`,
  throws: `exports = (request, response) => { response.setStatusCode(200); throw new TypeError("broken") }`,
  badStatus: `exports = (request, response) => { response.setStatusCode("none") }`,
  badHeader: `exports = (request, response) => { response.setHeader("X", "a\\r\\nSet-Cookie: x=1") }`,
  method: "exports = () => context.request.httpMethod",
  any: "exports = () => 'any ' + context.request.httpMethod",
  hello: "exports = () => 'hello'",
  who: { source: "exports = () => [context.user.id, context.user.custom_data, context.runningAsSystem()]" },
  guarded: { source: "exports = () => 'in'", can_evaluate: { "%%request.httpMethod": "POST" } },
  "folder/inner": "exports = () => 'inner'",
  hook: "exports = (payload, response) => ({ n: 1, query: payload.query, text: payload.body.text() })"
}

const own = (names: ReadonlyArray<string>) => names.map((name) => ({ name, private: true, run_as_system: true }))

const files = {
  "functions/config.json": [
    ...own(Object.keys(functions).filter((name) => name !== "who" && name !== "guarded")),
    { name: "who", private: true },
    { name: "guarded", private: false, run_as_system: true, can_evaluate: { "%%request.httpMethod": "POST" } }
  ],
  "auth/providers.json": {
    "anon-user": { name: "anon-user", type: "anon-user" },
    "local-userpass": { name: "local-userpass", type: "local-userpass", config: { autoConfirm: true } },
    "api-key": { name: "api-key", type: "api-key" }
  },
  "auth/custom_user_data.json": {
    enabled: true,
    mongo_service_name: "m",
    database_name: "d",
    collection_name: "users",
    user_id_field: "user"
  },
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "secrets.json": { endpointSecret: secret },
  "http_endpoints/config.json": [
    endpoint("/echo", "echo"),
    endpoint("/seen", "seen"),
    endpoint("/types", "types", { http_method: "GET" }),
    endpoint("/ejson", "types", { http_method: "GET", return_type: "EJSON" }),
    endpoint("/nothing", "nothing"),
    endpoint("/nothingEjson", "nothing", { return_type: "EJSON" }),
    endpoint("/text", "text"),
    endpoint("/cursor", "cursor"),
    endpoint("/created", "created"),
    endpoint("/createdSilently", "created", { respond_result: false }),
    endpoint("/silent", "text", { respond_result: false }),
    endpoint("/body", "body"),
    endpoint("/bodySilently", "body", { respond_result: false }),
    endpoint("/jsonBody", "jsonBody"),
    endpoint("/bytes", "bytes"),
    endpoint("/document", "document"),
    endpoint("/throws", "throws"),
    endpoint("/badStatus", "badStatus"),
    endpoint("/badHeader", "badHeader"),
    endpoint("/method", "method", { http_method: "GET" }),
    endpoint("/method", "method", { http_method: "PATCH" }),
    endpoint("/method", "any", { http_method: "*" }),
    endpoint("/secret", "seen", { validation_method: "SECRET_AS_QUERY_PARAM", secret_name: "endpointSecret" }),
    endpoint("/signed", "echo", { validation_method: "VERIFY_PAYLOAD", secret_name: "endpointSecret" }),
    endpoint("/noSecret", "hello", { validation_method: "SECRET_AS_QUERY_PARAM", secret_name: "none" }),
    endpoint("/who", "who"),
    endpoint("/whoWithData", "who", { fetch_custom_user_data: true }),
    endpoint("/guarded", "guarded", { http_method: "*" }),
    endpoint("/a/b/c", "hello"),
    endpoint("/Deep", "folder/inner"),
    endpoint("/unknownFunction", "missing"),
    endpoint("/disabled", "hello", { disabled: true }),
    endpoint("mongodb+srv://user:password@host/?a=b", "hello")
  ],
  "https_endpoints/config.json": [endpoint("/second", "hello")],
  "services/web/config.json": { name: "web", type: "http" },
  "services/web/incoming_webhooks/hook/config.json": {
    name: "hook",
    respond_result: true,
    options: { httpMethod: "POST", validationMethod: "SECRET_AS_QUERY_PARAM", secret }
  },
  "services/web/incoming_webhooks/hook/source.js": functions.hook,
  "services/web/incoming_webhooks/status/config.json": { name: "status", respond_result: true, options: {} },
  "services/web/incoming_webhooks/status/source.js": functions.created,
  "services/hub/config.json": { name: "hub", type: "github" },
  "services/hub/incoming_webhooks/push/config.json": { name: "push", respond_result: true, options: { secret } },
  "services/hub/incoming_webhooks/push/source.js": "exports = ({ ref }) => [ref, context.runningAsSystem()]",
  "http_endpoints/sms/config.json": { name: "sms", type: "twilio" },
  "http_endpoints/sms/incoming_webhooks/got/config.json": { name: "got", respond_result: true },
  "http_endpoints/sms/incoming_webhooks/got/source.js": "exports = ({ From, Body }) => From + ': ' + Body"
}

const at = (route: string) => `/app/my-app/endpoint${route}`
const webhook = (service: string, name: string) =>
  `/api/client/v2.0/app/my-app/service/${service}/incoming_webhook/${name}`
const sign = (text: string, algorithm = "sha256") => createHmac(algorithm, secret).update(text).digest("hex")

const get = (method: HttpMethod.HttpMethod, route: string, options: Parameters<typeof ask>[2] = {}) =>
  ask(method, at(route), options)

layer(exported(functions, files))("an HTTPS endpoint", (it) => {
  it.effect("gives its function the request", () =>
    Effect.gen(function* () {
      const { headers, status, text } = yield* get("POST", "/echo?a=1&b=%20x&a=2", { raw: '{ "n": 1 }' })
      assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json"])
      assert.deepStrictEqual(JSON.parse(text), {
        query: { a: "1", b: " x" },
        text: '{ "n": 1 }',
        type: ["application/json"],
        same: ["application/json"]
      })
      assert.include((yield* get("POST", "/echo")).text, '"no body"')
    })
  )

  it.effect("shows the request to its function as context.request", () =>
    Effect.gen(function* () {
      const { text } = yield* get("POST", "/seen?a=1", { headers: { "user-agent": "tests", "x-test": "here" } })
      const { remoteIPAddress: _, ...seen } = JSON.parse(text) as Record<string, unknown>
      assert.deepStrictEqual(seen, {
        httpMethod: "POST",
        httpUserAgent: "tests",
        rawQueryString: "a=1",
        webhookUrl: "/seen",
        header: ["here"]
      })
    })
  )

  it.effect("answers with plain JSON, or Extended JSON where the endpoint or the request says so", () =>
    Effect.gen(function* () {
      const plain =
        '{"id":"507f1f77bcf86cd799439011","date":"1970-01-01T00:00:00.000Z","long":9007199254740993,"decimal":"1.50","double":2,"bytes":{"Subtype":0,"Data":"YQ=="},"regexp":{"Pattern":"a","Options":"i"}}'
      assert.strictEqual((yield* get("GET", "/types")).text, plain)
      const ejson = (yield* get("GET", "/ejson")).text
      assert.include(ejson, '"long":{"$numberLong":"9007199254740993"}')
      assert.strictEqual((yield* get("GET", "/types", { headers: { accept: "application/ejson" } })).text, ejson)
      assert.strictEqual((yield* get("GET", "/ejson", { headers: { accept: "application/json" } })).text, plain)
      assert.strictEqual((yield* get("POST", "/nothing")).text, "null")
      assert.strictEqual((yield* get("POST", "/nothingEjson")).text, '{"$undefined":true}')
      assert.strictEqual((yield* get("POST", "/text")).text, String.raw`"a \"text\""`)
      assert.strictEqual((yield* get("POST", "/cursor")).text, '[{"n":1},{"n":2}]')
    })
  )

  it.effect("answers with the status, the headers and the body that its function sets", () =>
    Effect.gen(function* () {
      const created = yield* get("POST", "/created")
      assert.deepStrictEqual([created.status, created.text], [201, '{"created":true}'])
      assert.strictEqual(created.headers["x-a"], "2, 3")
      const silent = yield* get("POST", "/createdSilently")
      assert.deepStrictEqual([silent.status, silent.text, silent.headers["x-a"]], [201, "", "2, 3"])
      for (const route of ["/body", "/bodySilently"]) {
        const { headers, status, text } = yield* get("POST", route)
        assert.deepStrictEqual([status, text], [418, "short and stout"])
        assert.include(headers["content-type"], "text/plain")
      }
      const json = yield* get("POST", "/jsonBody")
      assert.deepStrictEqual([json.text, json.headers["content-type"]], ['{"a":1}', "application/json"])
      assert.strictEqual((yield* get("POST", "/bytes")).headers["content-type"], "image/png")
      assert.strictEqual((yield* get("POST", "/document")).text, '{"a":1}')
    })
  )

  it.effect("answers with 204 where the result is not asked for", () =>
    Effect.gen(function* () {
      const { status, text } = yield* get("POST", "/silent")
      assert.deepStrictEqual([status, text], [204, ""])
    })
  )

  it.effect("answers with an error where its function fails or sets what HTTP does not have", () =>
    Effect.gen(function* () {
      const { body, link, status } = yield* get("POST", "/throws")
      assert.deepStrictEqual(
        [status, body],
        [400, { error: "TypeError: broken", error_code: "FunctionExecutionError" }]
      )
      assert.match(link ?? "", /co_id=/)
      assert.include((yield* get("POST", "/badStatus")).body["error"], "invalid status code")
      assert.include((yield* get("POST", "/badHeader")).body["error"], 'invalid header "X"')
      assert.strictEqual((yield* get("POST", "/unknownFunction")).status, 404)
    })
  )

  it.effect("is found by route and method", () =>
    Effect.gen(function* () {
      const answers = yield* Effect.forEach(["GET", "PATCH", "PUT", "DELETE"] as const, (method) =>
        Effect.map(get(method, "/method"), ({ text }) => text)
      )
      assert.deepStrictEqual(answers, ['"GET"', '"PATCH"', '"any PUT"', '"any DELETE"'])
      for (const route of ["/a/b/c", "/a/b/c/", "//a/b//c", "/a/%62/c", "/second"]) {
        assert.strictEqual((yield* get("POST", route)).text, '"hello"', route)
      }
      assert.strictEqual((yield* ask("POST", `/api/client/v2.0${at("/second")}`)).text, '"hello"')
      assert.strictEqual((yield* get("POST", "/Deep")).text, '"inner"')
      for (const [method, route] of [
        ["POST", "/deep"],
        ["GET", "/echo"],
        ["POST", "/disabled"],
        ["POST", "/none"],
        ["POST", ""],
        ["POST", "/%"]
      ] as const) {
        const { body, status } = yield* get(method, route)
        assert.deepStrictEqual([status, body["error"]], [404, "endpoint not found"], `${method} ${route}`)
      }
      const { body, status } = yield* ask("POST", "/app/none/endpoint/echo")
      assert.deepStrictEqual([status, body["error"]], [404, "cannot find app using Client App ID 'none'"])
    })
  )

  it.effect("asks for a secret in the query, which its function does not see", () =>
    Effect.gen(function* () {
      const { text } = yield* get("POST", `/secret?a=%41&secret=${secret}&b=2`)
      assert.strictEqual((JSON.parse(text) as Record<string, unknown>)["rawQueryString"], "a=%41&b=2")
      for (const query of ["", "?secret=", "?secret=wrong", `?Secret=${secret}`]) {
        const { body, status } = yield* get("POST", `/secret${query}`)
        assert.deepStrictEqual([status, body["error_code"]], [401, "IncomingWebhookAuthFailed"])
      }
      for (const query of ["", "?secret=", "?secret=undefined"]) {
        assert.strictEqual((yield* get("POST", `/noSecret${query}`)).status, 401)
      }
    })
  )

  it.effect("asks for a signature of the body as it was sent", () =>
    Effect.gen(function* () {
      const raw = '{ "n": 1 }'
      for (const headers of [
        { "endpoint-signature": `sha256=${sign(raw)}` },
        { "x-hook-signature": `sha256=${sign(raw).toUpperCase()}` },
        { "endpoint-signature": `:sha256=${sign(raw)}` }
      ]) {
        assert.strictEqual((yield* get("POST", "/signed", { raw, headers })).status, 200)
      }
      const refused: ReadonlyArray<Record<string, string>> = [
        {},
        { "endpoint-signature": `sha256=${sign('{"n":1}')}` },
        { "endpoint-signature": sign(raw) },
        { "endpoint-signature": "sha256=" }
      ]
      for (const headers of refused) {
        assert.strictEqual((yield* get("POST", "/signed", { raw, headers })).status, 401)
      }
      const empty = { "endpoint-signature": `sha256=${sign("")}` }
      assert.strictEqual((yield* get("POST", "/signed", { headers: empty })).status, 200)
    })
  )

  it.effect("runs as the caller: by access token, by credentials in headers or in the body", () =>
    Effect.gen(function* () {
      yield* register("ada@example.com", "password")
      const { body } = yield* emailPassword("ada@example.com", "password")
      const id = body["user_id"]
      const credentials = { email: "ada@example.com", password: "password" }
      for (const options of [
        { token: body["access_token"] },
        { headers: credentials },
        { body: { ...credentials, n: 1 } }
      ]) {
        const { text } = yield* get("POST", "/who", options)
        assert.strictEqual(text, `["${id}",{},false]`)
      }
      const guest = yield* anonymous()
      assert.include((yield* get("POST", "/who", { token: guest["access_token"] })).text, guest["user_id"])
    })
  )

  it.effect("refuses callers that it does not know", () =>
    Effect.gen(function* () {
      const wrong = { email: "nobody@example.com", password: "wrong!" }
      const cases: ReadonlyArray<readonly [Parameters<typeof ask>[2], number, string]> = [
        [{}, 400, "no authentication methods were specified"],
        [{ headers: { email: "a@b.c" } }, 400, "must specify some form of authentication"],
        [{ headers: wrong, body: wrong }, 400, "not in both"],
        [{ headers: wrong }, 401, "invalid session: error finding user for endpoint"],
        [{ headers: { apikey: "wrong" } }, 401, "invalid session: error finding user for endpoint"],
        [{ token: "wrong" }, 401, "token is malformed"],
        [{ headers: { jwttokenstring: "wrong" } }, 400, "custom-token"]
      ]
      for (const [options, status, error] of cases) {
        const answer = yield* get("POST", "/who", options)
        assert.strictEqual(answer.status, status, answer.text)
        assert.include(answer.body["error"], error)
      }
      // registering alone does not create a user: a first login does, where the endpoint allows it
      yield* register("new@example.com", "password")
      const fresh = { headers: { email: "new@example.com", password: "password" } }
      assert.strictEqual((yield* get("POST", "/who", fresh)).status, 401)
    })
  )

  it.effect("obeys the rule of its function", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get("POST", "/guarded")).text, '"in"')
      const { body, status } = yield* get("GET", "/guarded")
      assert.deepStrictEqual([status, body["error"]], [400, 'rule not matched for function "guarded"'])
    })
  )
})

layer(exported(functions, files))("an incoming webhook", (it) => {
  it.effect("answers with Extended JSON, and asks for its secret", () =>
    Effect.gen(function* () {
      const { status, text } = yield* ask("POST", `${webhook("web", "hook")}?secret=${secret}&a=b`, { raw: "hi" })
      assert.deepStrictEqual([status, text], [200, '{"n":{"$numberInt":"1"},"query":{"a":"b"},"text":"hi"}'])
      const refused = yield* ask("POST", webhook("web", "hook"), { raw: "hi" })
      assert.deepStrictEqual([refused.status, refused.body["error_code"]], [401, "IncomingWebhookAuthFailed"])
      const unknown = yield* ask("POST", webhook("web", "none"))
      assert.deepStrictEqual([unknown.status, unknown.body["error_code"]], [404, "IncomingWebhookNotFound"])
    })
  )

  it.effect("leaves the result out where the function set the status", () =>
    Effect.gen(function* () {
      const { status, text } = yield* ask("POST", webhook("web", "status"))
      assert.deepStrictEqual([status, text], [201, ""])
    })
  )

  it.effect("gives the payload of GitHub, signed as GitHub does, to its function", () =>
    Effect.gen(function* () {
      const raw = '{"ref":"refs/heads/main"}'
      for (const headers of [
        { "x-hub-signature-256": `sha256=${sign(raw)}` },
        { "x-hub-signature": `sha1=${sign(raw, "sha1")}` }
      ]) {
        const { text } = yield* ask("POST", webhook("hub", "push"), { raw, headers })
        assert.strictEqual(text, '["refs/heads/main",true]')
      }
      assert.strictEqual((yield* ask("POST", webhook("hub", "push"), { raw })).status, 401)
    })
  )

  it.effect("gives the form of Twilio to its function", () =>
    Effect.gen(function* () {
      const { text } = yield* ask("POST", webhook("sms", "got"), { raw: "From=%2B1&Body=Hi+there" })
      assert.strictEqual(text, '"+1: Hi there"')
    })
  )
})

it.effect("endpoints that are incomplete or unknown are named in the report", () =>
  Effect.gen(function* () {
    const { report } = yield* load(
      { hello: functions.hello },
      {
        "http_endpoints/config.json": [
          endpoint("/a", "missing"),
          endpoint("/b", "hello", { http_method: "BREW" }),
          endpoint("/c", "hello", { validation_method: "MAGIC" }),
          endpoint("/d", "hello", { validation_method: "VERIFY_PAYLOAD", secret_name: "none" }),
          endpoint("/e", "hello"),
          endpoint("/e", "hello")
        ]
      }
    )
    const messages = report.map(({ message }) => message)
    for (const text of [
      'the HTTPS endpoint POST /a calls the function "missing", which does not exist',
      'the HTTPS endpoint BREW /b is not served: "http_method" must be one of GET, POST',
      'the HTTPS endpoint POST /c refuses every request: "MAGIC" is not one of NO_VALIDATION',
      'the secret "none" of the HTTPS endpoint POST /d is missing',
      "the HTTPS endpoint POST /e is declared twice: the first one answers"
    ]) {
      assert.isTrue(
        messages.some((message) => message.startsWith(text)),
        `${text}: ${messages.join("\n")}`
      )
    }
  })
)
