/** The origins of web pages, as browsers send them in the header `Origin`. */

/** The origin of a URL; `undefined` if pages cannot have it. Those of apps have schemes of their own: `capacitor://localhost`. */
export const originOf = (text: string): string | undefined => {
  const url = URL.parse(text)
  if (url === null || url.host === "") return undefined
  return url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin
}

/** Reads origins. Throws on an invalid one. */
export const makeOrigins = (origins: ReadonlyArray<string> = []): ReadonlySet<string> =>
  new Set(
    origins.map((text) => {
      const origin = originOf(text)
      if (origin === undefined) {
        throw new Error(`invalid allowedRequestOrigins "${text}": expected an origin such as "https://app.example.com"`)
      }
      return origin
    })
  )
