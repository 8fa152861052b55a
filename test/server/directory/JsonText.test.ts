import { assert, describe, it } from "@effect/vitest"
import { problem } from "../../../src/server/directory/JsonText.ts"

describe("JsonText.problem", () => {
  it.each([
    ["{", 1, 2, "expected a key in double quotes, found the end of the file"],
    ["", 1, 1, "expected a value, found the end of the file"],
    ['{\n  "a": 1,\n}', 3, 1, "expected a key in double quotes"],
    ['{ "a": 1\n  "b": 2 }', 2, 3, 'expected "," or "}"'],
    ["[1, 2,, 3]", 1, 7, "expected a value"],
    ['{ "a" 1 }', 1, 7, 'expected ":"'],
    ["{ 'a': 1 }", 1, 3, "expected a key in double quotes"],
    ["// comment\n{}", 1, 1, "expected a value"],
    ['{"a": "unfinished}', 1, 7, "expected a complete string"],
    ["{} {}", 1, 4, "expected the end of the file"],
    ["[01]", 1, 3, 'expected "," or "]"']
  ])("finds the place in %j", (text, line, column, message) => {
    assert.throws(() => JSON.parse(text))
    assert.deepStrictEqual(problem(text), { line, column, message })
  })
})
