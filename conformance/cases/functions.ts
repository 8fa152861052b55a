/** Function calls, raw: arguments in every encoding, results in canonical Extended JSON, and each failure (§7). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, call, coreHeaders, fails, type Json, logIn, send, someone, succeeds } from "../wire.ts"

const path = appPath("functions/call")
const int = (n: number) => ({ $numberInt: String(n) })

/** A body as one SDK writes it. */
const raw = async (baseUrl: string, body: unknown) =>
  send(baseUrl, "POST", path, { token: (await logIn(baseUrl)).access, headers: coreHeaders, body })

/** What `echo` answers to an argument. */
const echo = async (baseUrl: string, argument: unknown) =>
  succeeds(await raw(baseUrl, { arguments: [argument], name: "echo" })).value

export default [
  topic("§7.1 calls", {
    "returns a value of any type": async ({ baseUrl }) => {
      for (const value of ["x", "", true, false, null, [], {}, ["a", null, { b: [] }]]) {
        assert.deepEqual(await echo(baseUrl, value), value)
      }
      assert.deepEqual(await echo(baseUrl, 5), int(5))
    },
    "returns $undefined for a function without a result": async ({ baseUrl }) => {
      assert.deepEqual((await raw(baseUrl, { name: "nothing", arguments: [] })).value, { $undefined: true })
      assert.deepEqual((await raw(baseUrl, { name: "nothing" })).value, { $undefined: true })
    },
    "passes undefined for a missing argument": async ({ baseUrl }) => {
      assert.deepEqual((await raw(baseUrl, { name: "echo", arguments: [] })).value, { $undefined: true })
    },
    "accepts missing arguments in any form": async ({ baseUrl }) => {
      for (const body of [{ name: "sum" }, { name: "sum", arguments: null }, { name: "sum", service: null }]) {
        assert.deepEqual(succeeds(await raw(baseUrl, body)).value, int(0))
      }
    },
    "ignores unknown keys and an empty service": async ({ baseUrl }) => {
      const body = { arguments: [1, 2], name: "sum", service: "", user_id: "x", extra: { deep: 1 } }
      assert.deepEqual(succeeds(await raw(baseUrl, body)).value, int(3))
    },
    "returns a result that looks like an error as a result": async ({ baseUrl }) => {
      const reply = succeeds(await raw(baseUrl, { name: "returnsError", arguments: [] }))
      assert.deepEqual(reply.value, { error: "this is a result", error_code: "Custom" })
    },
    "provides user, values and environment in the context": async ({ baseUrl }) => {
      const user = await logIn(baseUrl, "custom-function", { named: "context" })
      const { json } = succeeds(await call(baseUrl, user, "whoAmI"))
      assert.deepEqual([json["id"], json["type"], json["data"]], [user.id, "normal", { name: "Ada" }])
      const identities: unknown = json["identities"]
      assert.ok(Array.isArray(identities))
      assert.deepEqual([identities[0].id, identities[0].provider_type], ["context", "custom-function"])
      const { json: settings, value } = succeeds(await call(baseUrl, user, "settings"))
      assert.match(String(settings["app"]), /^[0-9a-f]{24}$/)
      assert.deepEqual(value, {
        greeting: { text: "hello" },
        tag: "testing",
        stage: "testing",
        app: settings["app"]
      })
    },
    "lets functions call private ones": async ({ baseUrl }) => {
      const reply = await call(baseUrl, await logIn(baseUrl), "callHidden")
      assert.equal(succeeds(reply).value, "only functions see this")
    }
  }),

  topic("§7.1 refused calls", {
    "rejects unknown functions": async ({ baseUrl }) => {
      for (const name of ["nope", "toString", "__proto__", "constructor", ""]) {
        const reply = await raw(baseUrl, { name, arguments: [] })
        fails(reply, 404, "FunctionNotFound", `function not found: '${name}'`)
      }
    },
    "rejects a function whose source is missing": async ({ baseUrl }) => {
      fails(await raw(baseUrl, { name: "missingSource" }), 404, "FunctionNotFound", /missingSource/)
    },
    "rejects private functions": async ({ baseUrl }) => {
      for (const name of ["hidden", "authenticate", "resetPassword"]) {
        const reply = await raw(baseUrl, { name, arguments: [] })
        fails(reply, [400, 403, 404], "FunctionExecutionError", `rule not matched for function "${name}"`)
      }
    },
    "answers exceptions as text": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      fails(await call(baseUrl, user, "fails"), 400, "FunctionExecutionError", "Error: boom")
      fails(await call(baseUrl, user, "fails", "string"), 400, "FunctionExecutionError", "only text")
    },
    "answers a ReferenceError with the message of the hosted service": async ({ baseUrl }) => {
      const reply = await raw(baseUrl, { name: "unknownName", arguments: [] })
      fails(reply, 400, "FunctionExecutionError", "ReferenceError: 'unknown' is not defined")
    },
    "rejects a malformed call": async ({ baseUrl }) => {
      for (const body of [undefined, {}, { name: 5 }, { arguments: [] }, { name: "sum", arguments: "x" }, "{", "[]"]) {
        assert.equal((await raw(baseUrl, body)).status, 400)
      }
    },
    "rejects malformed Extended JSON": async ({ baseUrl }) => {
      for (const value of [{ $oid: "x" }, { $numberInt: "x" }, { $date: "x" }, { $binary: 5 }]) {
        fails(await raw(baseUrl, { name: "echo", arguments: [value] }), 400, "BadRequest", /./)
      }
    }
  }),

  topic("§7.3 Extended JSON", {
    "returns results in canonical form": async ({ baseUrl }) => {
      const { value } = await call(baseUrl, await logIn(baseUrl), "bson")
      assert.deepEqual(value, {
        int: { $numberInt: "5" },
        long: { $numberLong: "5000000000" },
        double: { $numberDouble: "1.5" },
        nan: { $numberDouble: "NaN" },
        infinity: { $numberDouble: "-Infinity" },
        text: "é",
        yes: true,
        none: null,
        date: { $date: { $numberLong: "1577836800000" } },
        early: { $date: { $numberLong: "-1" } },
        id: { $oid: "5f1d7f3e9c1b2a0012345678" },
        price: { $numberDecimal: "1.5" },
        list: [{ $numberInt: "1" }, "two", { three: { $numberInt: "3" } }]
      })
    },
    "returns every canonical type unchanged": async ({ baseUrl }) => {
      const values: ReadonlyArray<Json> = [
        { $numberInt: "-5" },
        { $numberLong: "5000000000" },
        { $numberLong: "9223372036854775807" },
        { $numberDouble: "1.5" },
        { $numberDouble: "NaN" },
        { $numberDouble: "Infinity" },
        { $numberDouble: "-0.0" },
        { $numberDecimal: "1.5" },
        { $date: { $numberLong: "1577836800000" } },
        { $oid: "5f1d7f3e9c1b2a0012345678" },
        { $binary: { base64: "AQID", subType: "00" } },
        { $binary: { base64: "AAECAwQFBgcICQoLDA0ODw==", subType: "04" } },
        { $regularExpression: { pattern: "^a", options: "i" } },
        { $timestamp: { t: 1, i: 2 } },
        { $minKey: 1 },
        { $maxKey: 1 },
        { $symbol: "s" },
        { $code: "x => x" }
      ]
      for (const value of values) assert.deepEqual(await echo(baseUrl, value), value)
      const all = Object.fromEntries(values.map((value, i) => [`key${i}`, [value]]))
      assert.deepEqual(await echo(baseUrl, all), all)
    },
    "accepts plain, relaxed and canonical values together": async ({ baseUrl }) => {
      assert.deepEqual(await echo(baseUrl, [1, { $numberInt: "2" }, 3.5, 5000000000]), [
        int(1),
        int(2),
        { $numberDouble: "3.5" },
        { $numberLong: "5000000000" }
      ])
      const moment = { $date: { $numberLong: "1577836800000" } }
      for (const date of ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000Z", "2020-01-01T01:00:00+01:00"]) {
        assert.deepEqual(await echo(baseUrl, { at: { $date: date } }), { at: moment })
      }
      const uuid = { $uuid: "00010203-0405-0607-0809-0a0b0c0d0e0f" }
      assert.deepEqual(await echo(baseUrl, uuid), { $binary: { base64: "AAECAwQFBgcICQoLDA0ODw==", subType: "04" } })
    },
    "passes numbers as numbers in any encoding": async ({ baseUrl }) => {
      const values = [1, int(2), { $numberDouble: "3.0" }, { $numberLong: "4" }, "5", null, true, { a: 1 }]
      const reply = await raw(baseUrl, { name: "describeArguments", arguments: values })
      assert.deepEqual(reply.value, ["number", "number", "number", "number", "string", "null", "boolean", "object"])
      const sum = await raw(baseUrl, { name: "sum", arguments: values.slice(0, 4) })
      assert.deepEqual(sum.value, int(10))
    },
    "accepts documents with unusual keys": async ({ baseUrl }) => {
      const document = { "a.b": 1, $mine: "x", "": true, __proto__x: null, nested: { $set: { a: "b" } } }
      assert.deepEqual(await echo(baseUrl, document), { ...document, "a.b": int(1) })
    },
    "accepts text in any script": async ({ baseUrl }) => {
      for (const text of ["héllo wörld", "日本語", "😀", '\u0000\n\r\t"\\', "%25%0A"]) {
        assert.equal(await echo(baseUrl, text), text)
      }
    }
  })
]
