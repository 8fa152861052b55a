/** Bytes as text: base64, hexadecimal, UTF-8 and UUIDs. */
import { Binary } from "bson"
import { codes, failed, invalid } from "../LanguageError.ts"
import { bytesOf, type Value } from "../Value.ts"

const formats = ["base64", "base64url", "utf8", "hex", "uuid", "auto"] as const
export type Format = (typeof formats)[number]

/** The format that a value names. */
export const formatOf = (value: Value): Format =>
  formats.find((format) => format === value) ??
  invalid(`$convert knows no format ${String(value)}: it takes ${formats.join(", ")}`, 4341125)

const uuidText = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")

const problem = (message: string): never =>
  failed(`${message}, in $convert with no onError value`, codes.ConversionFailure)

const utf8 = (bytes: Buffer): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return problem("the binData is not UTF-8")
  }
}

/** Bytes as text in a format. */
export const toText = (value: Binary, format: Format): string => {
  const bytes = Buffer.from(bytesOf(value))
  const isUuid = value.sub_type === Binary.SUBTYPE_UUID && bytes.length === 16
  switch (format) {
    case "auto":
      return isUuid ? uuidText(bytes.toString("hex")) : bytes.toString("base64")
    case "uuid":
      return isUuid ? uuidText(bytes.toString("hex")) : problem("the binData is not a UUID")
    case "hex":
      return bytes.toString("hex").toUpperCase()
    case "utf8":
      return utf8(bytes)
    case "base64":
    case "base64url":
      return bytes.toString(format)
  }
}

/** The bytes that a text says in a format; undefined where it does not say any. */
export const fromText = (text: string, format: Format): Uint8Array | undefined => {
  switch (format) {
    case "utf8":
      return Buffer.from(text, "utf8")
    case "uuid":
      return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)
        ? Buffer.from(text.replaceAll("-", ""), "hex")
        : undefined
    case "hex":
      return /^(?:[\da-f]{2})*$/i.test(text) ? Buffer.from(text, "hex") : undefined
    case "base64":
      return /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(text)
        ? Buffer.from(text, "base64")
        : undefined
    case "base64url":
      return /^(?:[\w-]{4})*(?:[\w-]{2}(?:==)?|[\w-]{3}=?)?$/.test(text) ? Buffer.from(text, "base64url") : undefined
    case "auto":
      return undefined
  }
}
