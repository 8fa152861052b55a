/**
 * Canonical Extended JSON as people read and edit it: numbers and dates are plain where reading them back gives the same
 * type. So a document can be shown, edited and saved without a change of what was not touched.
 */

const wrapped = (value: object): readonly [string, unknown] | undefined => {
  const entries = Object.entries(value)
  return entries.length === 1 ? entries[0] : undefined
}

/** Whether the short form of a date, whose year has four digits, can say it. */
const isShortDate = (millis: number): boolean => millis >= 0 && millis < Date.UTC(10_000, 0)

const plain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  const [key, inner] = wrapped(value) ?? []
  if (key === "$numberInt" && typeof inner === "string") return Number(inner)
  if (key === "$numberDouble" && typeof inner === "string") {
    // a whole number would be read as an integer
    return Number.isFinite(Number(inner)) && !Number.isInteger(Number(inner)) ? Number(inner) : value
  }
  if (key === "$date" && typeof inner === "object" && inner !== null && "$numberLong" in inner) {
    const millis = Number(inner.$numberLong)
    return isShortDate(millis) ? { $date: new Date(millis).toISOString() } : value
  }
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, plain(it)]))
}

/** The text of a value that was parsed as JSON. */
export const formatted = (canonical: unknown): string => JSON.stringify(plain(canonical), null, 2)

/** The text of canonical Extended JSON. */
export const formattedText = (text: string): string => formatted(JSON.parse(text))
