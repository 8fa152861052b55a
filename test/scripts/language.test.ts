/** The gate `language` finds what it is for, and nothing in sentences that are right. */
import { assert, describe, it } from "@effect/vitest"
import { complaintsOf } from "../../scripts/language.ts"

const placesIn = (file: string, text: string) => complaintsOf(file, text).map((complaint) => complaint.split('"')[0])

describe("words", () => {
  const wrong = [
    "whoever asks",
    "Nobody waits",
    "told to everybody",
    "begins anew",
    "what is amiss",
    "the id is none",
    "a key that is no key",
    "ten unless given",
    "kept for ever",
    "valid no more",
    "the rights of who asks",
    "// Who calls it waits",
    "<<<<<<< HEAD"
  ]
  for (const text of wrong) {
    it(`finds "${text}", with its line`, () => {
      assert.deepStrictEqual(placesIn("docs/a.md", `A title\n\n${text}\n`), ["docs/a.md:3 "])
    })
  }

  const right = [
    "there is no index",
    "it is no longer valid",
    "is no more than ten",
    "// Who may log in? All users.",
    "users who log in"
  ]
  for (const text of right) {
    it(`accepts "${text}"`, () => {
      assert.deepStrictEqual(complaintsOf("docs/a.md", text), [])
    })
  }
})

describe("docstrings of exports", () => {
  const service = (doc: string) =>
    `${doc}\nexport class Tokens extends Context.Service<Tokens, {}>()("effect-app-services/Tokens") {}\n`
  const bare = service("/**\n * @category services\n * @since 0.1.0\n */")

  it("finds a service whose docstring has tags only", () => {
    assert.deepStrictEqual(placesIn("src/client/Tokens.ts", bare), ["src/client/Tokens.ts:1 "])
  })

  it("accepts a service with a sentence, and one that is internal", () => {
    const described = service("/**\n * Signs tokens.\n *\n * @category services\n */")
    assert.deepStrictEqual(complaintsOf("src/client/Tokens.ts", described), [])
    assert.deepStrictEqual(complaintsOf("src/client/Tokens.ts", service("/** @internal */")), [])
    assert.deepStrictEqual(complaintsOf("src/client/Tokens.ts", service("/**\n * @internal\n */")), [])
  })

  it("does not look at exports of tests", () => {
    assert.deepStrictEqual(complaintsOf("test/support/tokens.ts", bare), [])
  })
})

describe("titles of tests", () => {
  it("finds a title that is a fragment", () => {
    const text = 'describe("tokens", () => {\n  it.effect("are refused when forged", () => {})\n})\n'
    assert.deepStrictEqual(placesIn("test/a.test.ts", text), ["test/a.test.ts:2 "])
  })

  it("accepts a title that is a sentence", () => {
    assert.deepStrictEqual(complaintsOf("test/a.test.ts", 'it("rejects a forged token", () => {})'), [])
  })
})
