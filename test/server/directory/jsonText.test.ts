import { assert, describe, it } from "@effect/vitest"
import { find, read } from "../../../src/server/directory/internal/jsonText.ts"

describe("jsonText", () => {
  it.each([
    ["{", 1, 2, 'expected "}", found the end of the file'],
    ["", 1, 1, "expected a value, found the end of the file"],
    ['{ "a": 1\n  "b": 2 }', 2, 3, 'expected ","'],
    ["[1, 2,, 3]", 1, 7, "expected a value"],
    ['{ "a" 1 }', 1, 7, 'expected ":"'],
    ["{ 'a': 1 }", 1, 3, "expected a value, or a key in double quotes"],
    ["{ a: 1 }", 1, 3, "expected a value, or a key in double quotes"],
    ["{1: 1}", 1, 2, "expected a key in double quotes"],
    ['{"a": "unfinished}', 1, 7, "expected the end of the string: a double quote"],
    ["{} {}", 1, 4, "expected the end of the file"],
    ["[01]", 1, 3, 'expected ","'],
    ["[1.]", 1, 2, "expected a digit"],
    ["[nul]", 1, 2, "expected a value, or a key in double quotes"],
    ["{ /* endless }", 1, 3, "expected the end of the comment: */"],
    ['["\\q"]', 1, 2, "expected a valid escape sequence"],
    ['["\\u12"]', 1, 2, "expected four hexadecimal digits after \\u"],
    ['["\t"]', 1, 2, "expected a string without control characters"]
  ])("finds the first problem of %j", (text, line, column, message) => {
    assert.throws(() => JSON.parse(text))
    assert.deepStrictEqual(read(text), { _tag: "Problem", problem: { line, column, message } })
  })

  it("repeats nothing of the text", () => {
    const text = '{ "password": s3cret }'
    assert.notInclude(JSON.stringify(read(text)), "s3cret")
  })

  it.each([
    ['// a comment\n{ "a": [1, 2,], /* another */ }', { a: [1, 2] }],
    ['{ "url": "https://a.example/*b*/" }', { url: "https://a.example/*b*/" }],
    ['{ "a": ",}" }', { a: ",}" }]
  ])("reads %j", (text, value) => {
    assert.deepStrictEqual(read(text), { _tag: "Value", value })
  })

  it.each([
    ["roles[1].read", 4, 5],
    ["roles.1.read", 4, 5],
    ["roles[1].fields.a.b.write", 4, 37],
    ["roles[1].fields.a", 4, 54],
    // what is not there is found as far as it is
    ["roles[1].delete", 3, 3],
    ["roles[7]", 2, 3],
    // not the element 1
    ["roles.1a", 2, 3],
    ["", undefined, undefined],
    ["other.read", undefined, undefined]
  ])("finds %j of a text with comments", (path, line, column) => {
    const text = `{
  "roles": [{ "name": "a" }, // one
  {
    "read": 1, "fields": { "a.b": { "write": true }, "a": {} } }],
}`
    const place = find(text, path)
    assert.deepStrictEqual([place?.line, place?.column], [line, column])
  })
})
