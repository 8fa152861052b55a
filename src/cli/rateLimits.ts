/** `serve --rate-limit`: reads rate limits. */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type * as RateLimits from "../server/api/RateLimits.ts"

const kinds = { login: "logIn", register: "register", email: "email", token: "token" } as const
const units = { s: Duration.seconds, m: Duration.minutes, h: Duration.hours } as const

const isKindOf = (name: string): name is keyof typeof kinds => Object.hasOwn(kinds, name)
const isUnit = (name: string): name is keyof typeof units => Object.hasOwn(units, name)

const names = Object.keys(kinds).flatMap((kind) => [`${kind}-account`, `${kind}-address`])

/** Reads `NAME=COUNT/TIME`, such as `login-address=600/15m`. */
export const read = (
  given: Readonly<Record<string, string>>
): Result.Result<Exclude<RateLimits.Input, string>, string> => {
  const limits: {
    -readonly [Kind in keyof RateLimits.Settings]?: { account?: RateLimits.Limit; address?: RateLimits.Limit }
  } = {}
  for (const [name, text] of Object.entries(given)) {
    const [, kind = "", of] = /^(\w+)-(account|address)$/.exec(name) ?? []
    if (!isKindOf(kind) || (of !== "account" && of !== "address")) {
      return Result.fail(`unknown --rate-limit "${name}": expected ${names.join(", ")}`)
    }
    const [, limit = "", time = "", unit = ""] = /^([1-9]\d{0,8})\/([1-9]\d{0,5})([smh])$/.exec(text) ?? []
    if (!isUnit(unit)) {
      return Result.fail(
        `invalid --rate-limit "${name}=${text}": expected a number of attempts and a time, such as ${name}=100/15m (s, m or h)`
      )
    }
    const ofKind = (limits[kinds[kind]] ??= {})
    ofKind[of] = { limit: Number(limit), window: units[unit](Number(time)) }
  }
  return Result.succeed(limits)
}
