import { assert, describe, it } from "@effect/vitest"
import * as ejson from "../../src/protocol/internal/ejson.ts"

describe("Extended JSON", () => {
  it("writes bytes as a binary value, wherever they are", () => {
    const hi = '{"$binary":{"base64":"aGk=","subType":"00"}}'
    assert.strictEqual(ejson.stringify(Buffer.from("hi")), hi)
    const value = { list: [1, new Uint8Array([104, 105])] }
    assert.strictEqual(ejson.stringify(value), `{"list":[{"$numberInt":"1"},${hi}]}`)
    assert.deepStrictEqual(value.list[1], new Uint8Array([104, 105]), "the value itself stays as it is")
  })

  it.each([
    ["Set", new Set([1])],
    ["Map", new Map([[1, 2]])],
    ["Error", new Error("x")],
    ["Error", new TypeError("x")],
    ["ArrayBuffer", new ArrayBuffer(2)],
    ["Float64Array", new Float64Array(1)],
    ["Promise", Promise.resolve(1)]
  ] as const)("refuses a %s, with its place", (kind, value) => {
    assert.throws(() => ejson.stringify(value), `a value of the class ${kind} has no Extended JSON form`)
    assert.throws(
      () => ejson.stringify({ a: [{ b: value }] }),
      `a value of the class ${kind} at "a.0.b" has no Extended JSON form`
    )
  })

  it("refuses values that contain themselves", () => {
    const value: Record<string, unknown> = {}
    value["self"] = value
    assert.throws(() => ejson.stringify(value), /circular|nested|call stack/i)
  })
})
