import { assert, describe, it } from "@effect/vitest"
import { Binary, Decimal128, ObjectId } from "bson"
import { Redacted } from "effect"
import { App } from "effect-app-services/server"
import { calledWith, secretsOf } from "../../../src/server/functions/calledWith.ts"
import * as values from "../../../src/server/functions/shared/values.ts"

const app = App.make({
  id: "my-app",
  providers: {
    customFunction: "logIn",
    emailPassword: { resetFunction: "reset" }
  },
  values: { plain: "visible", apiSecret: Redacted.make("sk-live-of-the-application") }
})
const secrets = secretsOf(app)
const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"

const sourceOf = (text: string) => ({ _tag: "Source" as const, text, file: "functions/f.js" })
const shown = (args: ReadonlyArray<unknown>, source = "exports = (a, b) => 1", name = "f") =>
  calledWith(app, { name, body: sourceOf(source) }, { values: values.write(args) }, secrets)

describe("what a failed function was called with", () => {
  it("is shown as a line of JSON, from a client's request too", () => {
    const id = new ObjectId("6b0c41a97b67d13bd40a0f69")
    const args = [
      "Ada",
      42,
      { at: new Date(0), id, price: Decimal128.fromString("1.5"), bytes: new Binary(new Uint8Array(9)) }
    ]
    assert.strictEqual(
      shown(args),
      `("Ada",42,{"at":"1970-01-01T00:00:00.000Z","id":{"$oid":"6b0c41a97b67d13bd40a0f69"},"price":{"$numberDecimal":"1.5"},"bytes":"<binary>"})`
    )
    const document = JSON.stringify({ name: "f", arguments: ["Ada", { n: { $numberInt: "1" } }] })
    assert.strictEqual(calledWith(app, { name: "f" }, { document }, secrets), `("Ada",{"n":{"$numberInt":"1"}})`)
  })

  it("has no secret: by its key, its parameter, its form, or as one of the application", () => {
    const hex = "ab".repeat(32)
    const text = shown(
      [
        { user: "ada", password: "hunter2", headers: { Authorization: ["Bearer x"], Cookie: "c" }, apiKey: "k1" },
        "hunter3",
        `see https://x.test/?token=${jwt} and ${hex}`,
        ["sk-live-of-the-application", "sk-live-of-the-application!", "visible"],
        { nested: [{ clientSecret: { deep: "hunter4" } }], [jwt]: 1 }
      ],
      "exports = async function (options, newPassword) { return 1 }"
    )
    assert.notMatch(text, /hunter|Bearer|k1|sk-live|c2lnbmF0|abab/)
    assert.include(
      text,
      `{"user":"ada","password":"***","headers":{"Authorization":"***","Cookie":"***"},"apiKey":"***"},"***"`
    )
    assert.include(text, `"see https://x.test/?token=*** and ***"`)
    assert.include(text, `["***","***!","visible"]`)
    for (const name of ["logIn", "reset"]) {
      assert.notInclude(shown(["hunter2"], undefined, name), "hunter2")
    }
  })

  it("is short, whatever it is", () => {
    const long = "x".repeat(60_000)
    const deep = { a: { b: { c: { d: { e: "bottom" } } } } }
    assert.strictEqual(shown([long]), `("${"x".repeat(100)}...")`)
    assert.strictEqual(shown([deep]), `({"a":{"b":{"c":{"d":"{...}"}}}})`)
    assert.strictEqual(shown([Array.from({ length: 12 }, (_, i) => i)]), `([0,1,2,3,4,5,6,7,8,9,"... 2 more"])`)
    assert.match(shown([long, long]), /^\d+ characters of arguments$/)
    const wide = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`n${i}`, Array.from({ length: 10 }, () => "y".repeat(99))])
    )
    assert.isAtMost(shown([wide]).length, 510)
    // a token that is cut
    assert.notMatch(shown([`${`${jwt} `.repeat(14)}${jwt}`]), /eyJ/)
    assert.strictEqual(calledWith(app, { name: "f" }, { document: "{" }, secrets), "arguments that cannot be read")
  })
})
