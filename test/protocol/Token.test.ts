import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { accessTokenClaims } from "../../src/protocol/internal/token.ts"
import { token } from "../support/scripted.ts"

const claims = (text: string) => accessTokenClaims(Redacted.make(text))

describe("claims of an access token", () => {
  it.effect("decodes UTF-8 and keeps fields of other hosts", () =>
    Effect.gen(function* () {
      const read = yield* claims(token({ sub: "u", user_data: { name: "Zoë 🦊" }, custom_data: { extra: true } }))
      assert.deepStrictEqual(read, { iat: 1_000, exp: 2_800, typ: "access", sub: "u", user_data: { name: "Zoë 🦊" } })
    })
  )

  it.effect("decodes both base64 alphabets, padded or not", () =>
    Effect.gen(function* () {
      const json = JSON.stringify({ iat: 1, exp: 2, sub: "??>>~~" })
      for (const middle of [Buffer.from(json).toString("base64"), Buffer.from(json).toString("base64url")]) {
        assert.strictEqual((yield* claims(`a.${middle}.c`)).sub, "??>>~~")
      }
    })
  )

  it.effect.each([
    ["two parts", "a.b", "three parts"],
    ["garbage", "not a token", "three parts"],
    ["no base64", "a.%%%.c", "base64url"],
    ["no JSON", `a.${Buffer.from("hello").toString("base64url")}.c`, '"iat" and "exp"'],
    ["no exp", `a.${Buffer.from('{"iat":1}').toString("base64url")}.c`, '"iat" and "exp"'],
    ["a fractional exp", `a.${Buffer.from('{"iat":1,"exp":1.5}').toString("base64url")}.c`, '"iat" and "exp"']
  ])("%s: a failure that does not quote the token", ([, text, expected]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(claims(text))
      assert.strictEqual(error._tag, "TokenError")
      assert.include(error.message, expected)
      assert.notInclude(error.message, text)
    })
  )
})
