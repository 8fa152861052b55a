/** Function calls answered as a stream, raw: where request and token are accepted, and the encoding (§7.4, §7.5). */
import assert from "node:assert/strict"
import { base64, decode, read } from "../events.ts"
import { topic } from "../harness.ts"
import { appPath, fails, logIn, send } from "../wire.ts"

const path = appPath("functions/call")
const numbers = base64({ name: "numbers", arguments: [2] })
const encoded = encodeURIComponent
const expected = [1, 2].map((i) => ({ _id: { $numberInt: String(i) }, text: `100% of\r\n${i}` }))

export default [
  topic("§7.4 streaming calls", {
    "accepts the token in the header, or in the query under either name": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const query = `baas_request=${encoded(numbers)}`
      const ways = [
        await read(baseUrl, `${path}?${query}`, { token: access, until: "end" }),
        await read(baseUrl, `${path}?${query}&baas_at=${access}`, { until: "end" }),
        await read(baseUrl, `${path}?${query}&stitch_at=${access}`, { until: "end" }),
        await read(baseUrl, `${path}?${query}&baas_at=nonsense`, { token: access, until: "end" })
      ]
      for (const events of ways) assert.deepEqual(events.map(decode), expected)
    },
    "accepts the request percent-encoded or raw, in either alphabet, under either name": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      // this text uses all of base64's alphabet
      const request = base64({ name: "echo", arguments: [["??>>~~ÿÿ", { at: { $date: "2020-01-01T00:00:00Z" } }]] })
      assert.match(request, /[+/]/)
      const urlSafe = request.replaceAll("+", "-").replaceAll("/", "_")
      const queries = [
        `baas_request=${encoded(request)}`,
        `baas_request=${request}`,
        `baas_request=${urlSafe}`,
        `baas_request=${urlSafe.replaceAll("=", "")}`,
        `stitch_request=${encoded(request)}`,
        `func=echo&baas_request=${encoded(request)}&col=x`
      ]
      for (const query of queries) {
        const events = await read(baseUrl, `${path}?${query}`, { token: access, until: "end" })
        assert.deepEqual(events.map(decode), ["??>>~~ÿÿ", { at: { $date: { $numberLong: "1577836800000" } } }])
      }
    },
    "a failure before the stream is an ordinary answer": async ({ baseUrl }) => {
      const { access: token } = await logIn(baseUrl)
      const get = (request: unknown, query = "baas_request") =>
        send(baseUrl, "GET", `${path}?${query}=${encoded(base64(request))}`, { token })
      fails(await get({ name: "nope", arguments: [] }), 404, "FunctionNotFound", "function not found: 'nope'")
      fails(await get({ name: "hidden" }), [400, 403], "FunctionExecutionError", /rule not matched/)
      fails(await get({ name: "fails" }), 400, "FunctionExecutionError", "Error: boom")
      assert.equal((await get({ name: "numbers" }, "nothing")).status, 400)
      for (const query of ["", "?baas_request=", "?baas_request=%25%25", `?baas_request=${encoded(base64([]))}`]) {
        assert.equal((await send(baseUrl, "GET", `${path}${query}`, { token })).status, 400, query)
      }
    },
    "rejects an invalid token": async ({ baseUrl }) => {
      const query = `baas_request=${encoded(numbers)}`
      const { refresh } = await logIn(baseUrl)
      fails(await send(baseUrl, "GET", `${path}?${query}`), 401, undefined, "must authenticate first")
      for (const token of ["", "null", refresh]) {
        assert.equal((await send(baseUrl, "GET", `${path}?${query}&baas_at=${token}`)).status, 401)
        assert.equal((await send(baseUrl, "GET", `${path}?${query}`, { token })).status, 401)
      }
    }
  }),

  topic("§7.5 events", {
    "an event is one line of data with `%`, LF and CR escaped": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const request = base64({ name: "echo", arguments: [["50%", "a%25b", "%0A"]] })
      const query = `baas_request=${encoded(request)}`
      const events = await read(baseUrl, `${path}?${query}`, { token: access, until: "end" })
      assert.deepEqual(events.map(decode), ["50%", "a%25b", "%0A"])
      assert.deepEqual(
        events.map(({ data }) => data[0]),
        ['"50%25"', '"a%2525b"', '"%250A"']
      )
      for (const { event } of events) assert.ok(event === undefined || event === "message")
    },
    "pages of any origin may read it": async ({ baseUrl }) => {
      const { access: token } = await logIn(baseUrl)
      const headers = { origin: "https://shop.example" }
      const reply = await send(baseUrl, "GET", `${path}?baas_request=${encoded(numbers)}`, { token, headers })
      assert.equal(reply.headers["content-type"], "text/event-stream")
      assert.equal(reply.headers["access-control-allow-origin"], headers.origin)
    },
    "a failure during the stream is an event": async ({ baseUrl }) => {
      const { access } = await logIn(baseUrl)
      const query = `baas_request=${encoded(base64({ name: "failsLater", arguments: [] }))}`
      const [first, second] = await read(baseUrl, `${path}?${query}`, { token: access, until: "end" })
      assert.ok(first !== undefined && second !== undefined)
      assert.deepEqual(decode(first), { _id: { $numberInt: "1" } })
      assert.equal(second.event, "error")
      assert.deepEqual(decode(second), { error: "Error: later", error_code: "FunctionExecutionError" })
    }
  })
]
