import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Schema } from "effect"
import { EventStream } from "effect-app-services"

const parse = (...texts: ReadonlyArray<string>) => {
  const parser = EventStream.makeParser()
  return texts.flatMap((text) => parser.feed(text))
}
const values = (...texts: ReadonlyArray<string>) =>
  parse(...texts).map((event) => (event._tag === "Value" ? event.value : event))

describe("a stream of events", () => {
  it.each<readonly [string, string, ReadonlyArray<unknown>]>([
    [
      "a value",
      'data: {"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"}}\n\n',
      [{ _id: new ObjectId("5f1d7f3e9c1b2a0012345678") }]
    ],
    ["lines that end in CRLF", 'data: {"a":1}\r\n\r\n', [{ a: 1 }]],
    ["no space after the colon", 'data:{"a":1}\n\n', [{ a: 1 }]],
    ["one space of two stripped", "data:  1\n\n", [1]],
    ["the name of the default", 'event: message\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ["an empty name", 'event:\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ["comments and fields that mean nothing", ': hello\nid: 5\nretry: 10\nwhat\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ["events of other names", 'event: other\ndata: {"a":1}\n\ndata: {"a":2}\n\n', [{ a: 2 }]],
    ["data in several lines", 'data: {"a":\ndata: 1}\n\n', [{ a: 1 }]],
    ["an event without data, whose name is forgotten", 'event: error\n\ndata: {"a":1}\n\n', [{ a: 1 }]],
    ["nothing of an event that is not complete", 'data: {"a":1}\n', []],
    ["the three escapes", 'data: {"a":%0A"100 %25%0D"%0D}\n\n'.replace('%0D"', '\\r"'), [{ a: "100 %\r" }]],
    ["escapes in a single pass", 'data: "%250A"\n\n', ["%0A"]],
    ["other percent signs", 'data: "%0a %41 %2"\n\n', ["%0a %41 %2"]],
    ["data that was never escaped", 'data: "%0A"\n\n', ["%0A"]]
  ])("has %s", (_, text, expected) => {
    assert.deepStrictEqual(values(text), expected)
  })

  it.each<readonly [string, EventStream.StreamEvent]>([
    [
      'event: error\ndata: {"error_code":"ExecutionTimeLimitExceeded","error":"too long"}\n\n',
      { _tag: "Failure", code: "ExecutionTimeLimitExceeded", message: "too long" }
    ],
    [
      'event: error\ndata: {"message":"boom","name":"Error"}\n\n',
      { _tag: "Failure", code: undefined, message: "boom" }
    ],
    ["event: error\ndata: 50 %25 gone\n\n", { _tag: "Failure", code: undefined, message: "50 % gone" }],
    ['data: {"a":\n\n', { _tag: "Malformed", problem: "the text is not JSON" }],
    ['data: {"$oid":"secret"}\n\n', { _tag: "Malformed", problem: "$oid must be 24 hex digits" }]
  ])("%j is a failure", (text, event) => {
    assert.deepStrictEqual(parse(text), [event])
  })

  const whole =
    ': hi\r\n\r\ndata: {"a":"50 %25"}\r\n\r\nevent: error\ndata: {"error":"%0A","error_code":"X"}\n\ndata: [1,\ndata: 2]\n\n'
  const Cuts = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: whole.length })))
  it.prop(
    "is the same however it is cut",
    { cuts: Cuts },
    ({ cuts }) => {
      const places = [0, ...cuts, whole.length].toSorted((a, b) => a - b)
      const pieces = places.slice(1).map((end, i) => whole.slice(places[i], end))
      assert.deepStrictEqual(parse(...pieces), parse(whole))
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop("reads what it wrote", { text: Schema.String }, ({ text }) => {
    const written = EventStream.writeValue(JSON.stringify(text)) + EventStream.keepAlive
    assert.deepStrictEqual(values(written), [text])
    assert.deepStrictEqual(parse(EventStream.writeFailure("Code", `text ${text}`)), [
      { _tag: "Failure", code: "Code", message: `text ${text}` }
    ])
  })

  it("asks for itself in base64 of any alphabet", () => {
    const text = '{"name":"ÿþ??>>"}'
    const encoded = EventStream.encodeRequest(text)
    const urlSafe = Buffer.from(text).toString("base64url")
    for (const form of [encoded, encoded.replaceAll("+", " "), urlSafe, encoded.replace(/=+$/, "")]) {
      assert.strictEqual(EventStream.decodeRequest(form), text)
    }
    assert.isUndefined(EventStream.decodeRequest("~~~"))
    assert.isUndefined(EventStream.decodeRequest(Buffer.from([0xff, 0xfe]).toString("base64")))
  })
})
