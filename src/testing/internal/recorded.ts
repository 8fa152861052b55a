/** When two requests are the same, and how to say what differs. */

/** A request as values, with what a recording replaces replaced. */
export interface Comparable {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  /** The JSON value, or the text where it is not JSON; absent where there is no body. */
  readonly body?: unknown
}

interface Difference {
  /** Such as `body.arguments[0]`. */
  readonly at: string
  readonly expected: unknown
  readonly actual: unknown
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const valueOf = (text: string): unknown => {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

/** A login without what it tells about the device: that changes with the machine and with each release. */
const withoutDevice = (body: unknown): unknown => {
  if (!isFields(body) || !isFields(body["options"])) return body
  const { device: _, ...options } = body["options"]
  return { ...body, options }
}

const blank = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(blank)
    : isFields(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, blank(inner)]))
      : "recorded"

/** The login of a custom function may hold secrets in fields of any name: it is kept without its values. */
const withoutPayload = (path: string, body: unknown): unknown => {
  if (!/\/custom-function\/login(?:\?|$)/.test(path) || !isFields(body)) return body
  const { options, ...payload } = body
  return { ...Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, blank(value)])), options }
}

/** The text of a body as a recording keeps it, before what it replaces everywhere is replaced. */
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
  if (isFields(expected) && isFields(actual)) {
    return Array.from(new Set([...Object.keys(expected), ...Object.keys(actual)])).flatMap((key) =>
      differencesAt(at === "" ? key : `${at}.${key}`, expected[key], actual[key])
    )
  }
  return [{ at, expected, actual }]
}

/** What differs between a recorded request and one that is sent; the order of keys does not count. */
export const differences = (expected: Comparable, actual: Comparable): ReadonlyArray<Difference> =>
  differencesAt("", expected, actual)

const longest = 100

const shown = (value: unknown): string => {
  if (value === undefined) return "nothing"
  const text = JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest)}...` : text
}

const mostDifferences = 10

const describe = (found: ReadonlyArray<Difference>): string => {
  const told = found
    .slice(0, mostDifferences)
    .map(({ actual, at, expected }) => `${at}: expected ${shown(expected)}, got ${shown(actual)}`)
  if (found.length > mostDifferences) told.push(`${found.length - mostDifferences} more`)
  return told.join("; ")
}

/** Why a request has no answer, and what there is instead. */
export const explain = (
  asked: Comparable,
  recorded: { readonly all: ReadonlyArray<Comparable>; readonly left: ReadonlyArray<Comparable> }
): string => {
  const name = `${asked.method} ${asked.path}`
  const here = (requests: ReadonlyArray<Comparable>) =>
    requests
      .filter(({ method, path }) => method === asked.method && path === asked.path)
      .map((it) => differences(it, asked))
      .toSorted((a, b) => a.length - b.length)
  const all = here(recorded.all)
  const [nearest] = [...here(recorded.left), ...all]
  const same = all.filter((found) => found.length === 0).length
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
