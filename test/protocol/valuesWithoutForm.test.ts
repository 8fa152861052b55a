import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Code } from "bson"
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

  it("writes values of other realms like its own", () => {
    const foreign: unknown = runInNewContext(
      `({ at: new Date(1), like: /a/i, list: [new Uint8Array([104, 105]), undefined] })`
    )
    const own = { at: new Date(1), like: /a/i, list: [new Uint8Array([104, 105]), undefined] }
    assert.strictEqual(ejson.stringify(foreign), ejson.stringify(own))
    assert.throws(() => ejson.stringify(runInNewContext("({ a: [new Map()] })")), 'class Map at "a.0" has no')
  })

  it("refuses values that contain themselves", () => {
    const list: Array<unknown> = [1, { a: 2 }]
    const value = { list, twice: list }
    assert.doesNotThrow(() => ejson.stringify(value))
    list.push({ deep: value })
    assert.throws(() => ejson.stringify(value), 'the value at "list.2.deep" contains itself')
    const code = new Code("f()", {})
    code.scope = { code }
    assert.throws(() => ejson.stringify(code), /contains itself|nested too deeply|call stack/)
  })
})
