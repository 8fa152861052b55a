/**
 * Values as plain JSON, without types: what endpoints and the Data API answer with unless Extended JSON is asked for.
 * Identifiers, dates and decimals are strings; numbers are numbers with every digit.
 */

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null

/** A number with every digit, which the library of types does not know yet. */
const rawJson: (text: string) => unknown = Reflect.get(JSON, "rawJSON")

/** The bytes of a BSON binary, in Base64. */
export const base64Of = (value: unknown): string | undefined =>
  isRecord(value) && value["_bsontype"] === "Binary" && typeof value["toString"] === "function"
    ? String(Reflect.apply(value["toString"], value, ["base64"]))
    : undefined

/** What the method of a BSON value makes of it. */
const textOf = (value: object): string => String(Reflect.apply(Reflect.get(value, "toString"), value, []))

/** A value in plain JSON, or `undefined` where JSON's own form is meant. */
const plain = (value: unknown): unknown => {
  if (!isRecord(value)) return undefined
  if (value instanceof RegExp) return { Pattern: value.source, Options: value.flags }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  switch (value["_bsontype"]) {
    case "ObjectId":
    case "Decimal128":
      return textOf(value)
    case "Int32":
    case "Double":
      return Number(value)
    case "Long":
      return rawJson(textOf(value))
    case "Binary":
      return { Subtype: Number(value["sub_type"]), Data: base64Of(value) }
    case "BSONRegExp":
      return { Pattern: value["pattern"], Options: value["options"] }
    case "Timestamp":
      return { T: value["t"], I: value["i"] }
    case "MinKey":
    case "MaxKey":
      return {}
    default:
      return undefined
  }
}

/** Writes a value. Throws a `TypeError` where it leads back to itself. */
export const stringify = (result: unknown): string =>
  JSON.stringify(result, function (this: unknown, key: string, value: unknown) {
    const raw: unknown = isRecord(this) ? this[key] : undefined
    return plain(raw) ?? (typeof value === "bigint" ? rawJson(String(value)) : value)
  }) ?? "null"
