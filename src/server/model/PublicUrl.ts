/** The address by which clients reach the server, if its operator named one. */
import * as Context from "effect/Context"
import * as Result from "effect/Result"

/** An origin, such as `https://api.shop.example`; `undefined` to take the one of each request. */
export const PublicUrl = Context.Reference<string | undefined>("effect-app-services/server/model/PublicUrl", {
  defaultValue: () => undefined
})

/** Reads the option `publicUrl`. */
export const read = (text: string | undefined): Result.Result<string | undefined, string> => {
  if (text === undefined) return Result.succeed(undefined)
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isOrigin =
    url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` && !text.includes("#")
  return isOrigin
    ? Result.succeed(url.origin)
    : Result.fail(
        `invalid public URL ${JSON.stringify(text)}: expected the scheme and the host that clients use, such as "https://api.shop.example", without a path`
      )
}
