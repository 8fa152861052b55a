/**
 * The arguments of a function that answers an HTTP request, and what it made of them. The server is told texts alone: the
 * function's result in the form that the response needs.
 */
import * as ejson from "../../../protocol/internal/ejson.ts"
import { base64Of, stringify } from "../../../protocol/internal/plainJson.ts"
import type { Responded, ResponseSettings } from "../shared/messages.ts"

/** The names of headers as functions look for them: `content-type` is `Content-Type`. */
const canonical = (name: string): string =>
  name.toLowerCase().replace(/(^|-)([a-z])/g, (letters) => letters.toUpperCase())

/** Headers that are found in whatever case they are asked for. */
export const headersOf = (headers: Readonly<Record<string, ReadonlyArray<string>>>): object => {
  const found: Record<string, ReadonlyArray<string>> = {}
  for (const [name, values] of Object.entries(headers)) found[canonical(name)] = values
  const keyOf = (key: string | symbol) =>
    typeof key === "string" && !Object.hasOwn(found, key) && Object.hasOwn(found, canonical(key)) ? canonical(key) : key
  return new Proxy(found, {
    get: (target, key): unknown => Reflect.get(target, keyOf(key)),
    has: (target, key) => Reflect.has(target, keyOf(key))
  })
}

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null

const isHeaders = (u: unknown): u is Record<string, ReadonlyArray<string>> =>
  isRecord(u) && Object.values(u).every(Array.isArray)

/** The first argument, as the server wrote it. */
export const requestOf = (given: unknown): unknown =>
  isRecord(given) && isHeaders(given["headers"]) ? { ...given, headers: headersOf(given["headers"]) } : given

const encoded = (result: unknown, { encoding }: ResponseSettings): string => {
  if (encoding === "JSON") return stringify(result)
  return result === undefined ? '{"$undefined":true}' : ejson.stringify(result)
}

/** The second argument, and what the function told it. */
export const make = (settings: ResponseSettings) => {
  let status: number | undefined
  let body: { readonly value: unknown } | undefined
  const headers: Array<[name: string, value: string]> = []
  const response = {
    setStatusCode: (code: unknown): void => {
      status = Number(code)
    },
    setHeader: (name: unknown, value: unknown): void => {
      const lower = String(name).toLowerCase()
      for (let i = headers.length - 1; i >= 0; i--) if (headers[i]?.[0].toLowerCase() === lower) headers.splice(i, 1)
      headers.push([String(name), String(value)])
    },
    addHeader: (name: unknown, value: unknown): void => {
      headers.push([String(name), String(value)])
    },
    setBody: (value: unknown): void => {
      body = { value }
    }
  }
  const bodyOf = (value: unknown): Responded["body"] => {
    if (typeof value === "string") return { text: value }
    const base64 = base64Of(value)
    return base64 === undefined ? { text: encoded(value, settings) } : { base64 }
  }
  const respond = (result: unknown): string =>
    JSON.stringify({
      status,
      headers,
      body: body === undefined ? undefined : bodyOf(body.value),
      result: settings.usesResult ? encoded(result, settings) : undefined
    } satisfies Responded)
  return { response, respond }
}
