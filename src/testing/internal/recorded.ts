/** Compares requests, and describes their differences. */
import * as Predicate from "effect/Predicate"

/** A request as values, with the replacements of a recording. */
export interface Comparable {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  /** The JSON value, or the text if it is not JSON; absent without a body. */
  readonly body?: unknown
}

interface Difference {
  /** Such as `body.arguments[0]`. */
  readonly at: string
  readonly expected: unknown
  readonly actual: unknown
}

const valueOf = (text: string): unknown => {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

/** The body of a login without device information, which changes with the machine and with each release. */
const withoutDevice = (body: unknown): unknown => {
  if (!Predicate.isObject(body) || !Predicate.isObject(body["options"])) return body
  const { device: _, ...options } = body["options"]
  return { ...body, options }
}

const blank = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(blank)
    : Predicate.isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, blank(inner)]))
      : "recorded"

/** The payload of a custom function login may contain secrets in any field: its values are replaced. */
const withoutPayload = (path: string, body: unknown): unknown => {
  if (!/\/custom-function\/login(?:\?|$)/.test(path) || !Predicate.isObject(body)) return body
  const { options, ...payload } = body
  return { ...Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, blank(value)])), options }
}

/** The text of a body as recorded, before the replacements that apply everywhere. */
export const keptBody = (path: string, text: string): string => {
  const body = valueOf(text)
  const kept = withoutPayload(path, body)
  return kept === body ? text : JSON.stringify(kept)
}

export const comparable = (method: string, pathAndQuery: string, text: string | undefined): Comparable => {
  const mark = pathAndQuery.indexOf("?")
  const path = mark === -1 ? pathAndQuery : pathAndQuery.slice(0, mark)
  const parameters = mark === -1 ? [] : pathAndQuery.slice(mark + 1).split(/&(?=[\w.-]+=)/)
  const query = Object.fromEntries(
    parameters.map((parameter) => {
      const [name = "", ...value] = parameter.split("=")
      return [name, valueOf(value.join("="))] as const
    })
  )
  if (text === undefined || text === "") return { method, path, query }
  const body = withoutPayload(path, valueOf(text))
  return { method, path, query, body: path.endsWith("/login") ? withoutDevice(body) : body }
}

const differencesAt = (at: string, expected: unknown, actual: unknown): ReadonlyArray<Difference> => {
  if (Object.is(expected, actual)) return []
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const length = Math.max(expected.length, actual.length)
    return Array.from({ length }, (_, index) => index).flatMap((index) =>
      differencesAt(`${at}[${index}]`, expected[index], actual[index])
    )
  }
  if (Predicate.isObject(expected) && Predicate.isObject(actual)) {
    return Array.from(new Set([...Object.keys(expected), ...Object.keys(actual)])).flatMap((key) =>
      differencesAt(at === "" ? key : `${at}.${key}`, expected[key], actual[key])
    )
  }
  return [{ at, expected, actual }]
}

/** The differences between a recorded and an actual request, whatever the order of keys. */
export const differences = (expected: Comparable, actual: Comparable): ReadonlyArray<Difference> =>
  differencesAt("", expected, actual)

const longest = 100

const shown = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest)}...` : text
}

const mostDifferences = 10

const describe = (all: ReadonlyArray<Difference>): string => {
  const lines = all
    .slice(0, mostDifferences)
    .map(({ actual, at, expected }) => `${at}: expected ${shown(expected)}, got ${shown(actual)}`)
  if (all.length > mostDifferences) lines.push(`${all.length - mostDifferences} more`)
  return lines.join("; ")
}

/** Why a request has no answer, with the most similar recorded request. */
export const explain = (
  actual: Comparable,
  recorded: { readonly all: ReadonlyArray<Comparable>; readonly left: ReadonlyArray<Comparable> }
): string => {
  const name = `${actual.method} ${actual.path}`
  const here = (requests: ReadonlyArray<Comparable>) =>
    requests
      .filter(({ method, path }) => method === actual.method && path === actual.path)
      .map((it) => differences(it, actual))
      .toSorted((a, b) => a.length - b.length)
  const all = here(recorded.all)
  const [nearest] = [...here(recorded.left), ...all]
  const same = all.filter((differences) => differences.length === 0).length
  const problem =
    nearest === undefined
      ? `${name} is not in the recording`
      : same > 0
        ? `${name} with these values is ${same === 1 ? "once" : `${same} times`} in the recording, and was sent again`
        : `${name} differs from the recorded request: ${describe(nearest)}`
  const rest = recorded.left.map(({ method, path }) => `${method} ${path}`)
  return (
    `${problem}. If the program was changed on purpose, record it again. ` +
    `Not replayed yet: ${rest.length === 0 ? "nothing" : rest.join(", ")}`
  )
}
