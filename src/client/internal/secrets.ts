import * as Base64 from "effect/encoding/Base64"
import * as Redacted from "effect/Redacted"
import { errorCodes } from "../../protocol/ErrorCode.ts"

/** A reading of a text: `at[i]` is where its character `i` begins in the original, whose length is the last of them. */
interface Reading {
  readonly text: string
  readonly at: ReadonlyArray<number>
}

const utf8Character =
  "%[0-7][0-9a-f]|%[cd][0-9a-f]%[89ab][0-9a-f]|%e[0-9a-f](?:%[89ab][0-9a-f]){2}|%f[0-7](?:%[89ab][0-9a-f]){3}"
const escapes = new RegExp(
  `\\\\u[0-9a-f]{4}|\\\\x[0-9a-f]{2}|\\\\[^ux]|&#\\d{1,7};|&#x[0-9a-f]{1,6};|&(?:amp|lt|gt|quot|apos);|${utf8Character}`,
  "gi"
)
const control: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }
const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }

const character = (code: number): string => (code <= 0x10ffff ? String.fromCodePoint(code) : "")

const unescape = (escaped: string): string => {
  if (escaped.startsWith("\\")) {
    const [, kind = ""] = escaped
    return /^\\[ux]../i.test(escaped)
      ? character(Number.parseInt(escaped.slice(2), 16))
      : (control[kind] ?? escaped.slice(1))
  }
  if (escaped.startsWith("&#")) {
    return character(
      /^&#x/i.test(escaped) ? Number.parseInt(escaped.slice(3), 16) : Number.parseInt(escaped.slice(2), 10)
    )
  }
  if (escaped.startsWith("&")) return entities[escaped.slice(1, -1).toLowerCase()] ?? escaped
  try {
    return decodeURIComponent(escaped)
  } catch {
    return escaped
  }
}

/** The text with one layer of escapes removed: those of JSON, HTML and URLs. */
const unescaped = ({ at, text }: Reading): Reading | undefined => {
  let result = ""
  let end = 0
  const starts: Array<number> = []
  const take = (piece: string, start: (index: number) => number) => {
    for (let i = 0; i < piece.length; i++) starts.push(start(i))
    result += piece
  }
  for (const { 0: escaped, index } of text.matchAll(escapes)) {
    const from = end
    take(text.slice(from, index), (i) => at[from + i] ?? 0)
    take(unescape(escaped), () => at[index] ?? 0)
    end = index + escaped.length
  }
  if (end === 0) return undefined
  take(text.slice(end), (i) => at[end + i] ?? 0)
  return { text: result, at: [...starts, at[text.length] ?? 0] }
}

/** The text, then with one layer of escapes less at a time: JSON may be in JSON, and that in a URL. */
const peeled = function* <A>(first: A, next: (layer: A) => A | undefined): Generator<A> {
  let layer: A | undefined = first
  for (let i = 0; layer !== undefined && i <= 4; i++) {
    yield layer
    layer = next(layer)
  }
}

const texts = (text: string): Iterable<string> =>
  peeled(text, (layer) => {
    const next = layer.replace(escapes, unescape)
    return next === layer ? undefined : next
  })

const readings = (text: string): Iterable<Reading> =>
  peeled({ text, at: Array.from({ length: text.length + 1 }, (_, i) => i) }, unescaped)

/** The base64 of a secret at each of the three offsets, without the characters that depend on its neighbours. */
const inBase64 = (secret: string): ReadonlyArray<string> => {
  const bytes = new TextEncoder().encode(secret)
  return [0, 1, 2].flatMap((before) => {
    const shifted = new Uint8Array(before + bytes.length)
    shifted.set(bytes, before)
    const text = Base64.encode(shifted)
    const kept = text.slice(Math.ceil((before * 8) / 6), Math.floor((shifted.length * 8) / 6))
    return kept.length < shortestBase64 ? [] : [kept, kept.replaceAll("+", "-").replaceAll("/", "_")]
  })
}

/** Shorter base64 is not searched for: it would be found everywhere. */
const shortestBase64 = 6

/**
 * Removes secrets from what a host or a transport says.
 *
 * @internal
 */
export interface Secrets {
  /** The text without secrets, in any mixture of escapes of JSON, HTML and URLs, or in base64. */
  readonly clean: (text: string) => string
  /** A code of the protocol, or an identifier without a secret; undefined otherwise. */
  readonly code: (code: string | undefined) => string | undefined
  /** The cause of a transport's failure; if its messages hold a secret, an error with the cleaned message alone. */
  readonly cause: (cause: unknown) => unknown
}

interface Messages {
  readonly messages: ReadonlyArray<string>
  readonly stacks: ReadonlyArray<string>
}

/** The messages and stacks of an error and its causes, the innermost last. */
const messagesOf = (cause: unknown): Messages => {
  const messages: Array<string> = []
  const stacks: Array<string> = []
  let error = cause
  for (let depth = 0; error instanceof Error && depth < 10; depth++) {
    messages.push(error.message)
    stacks.push(error.stack ?? "")
    error = error.cause
  }
  if (typeof error === "string") messages.push(error)
  return { messages, stacks }
}

/** A form writes a space as a plus: the two count as equal. */
const comparable = (text: string): string => text.replaceAll("+", " ")

/** What is searched for in every layer of a text: the secret, also without what looks like escapes in it, and in base64. */
const needlesOf = (secret: string): ReadonlyArray<string> => [
  secret,
  ...Array.from(texts(secret)).slice(-1),
  ...inBase64(secret)
]

const letterOrDigit = /[\p{L}\p{N}]/u

const isWord = (text: string, from: number, to: number): boolean =>
  !letterOrDigit.test(text.charAt(from - 1)) && !letterOrDigit.test(text.charAt(to))

/**
 * The positions of needles in a text, in order. One of up to three characters is found as a word alone: `12` is not in `128`.
 */
const spans = (
  original: string,
  needles: ReadonlyArray<string>
): ReadonlyArray<readonly [from: number, to: number]> => {
  const spans: Array<readonly [number, number]> = []
  for (const { at, text } of readings(original)) {
    const haystack = comparable(text)
    for (const needle of needles) {
      for (let i = haystack.indexOf(needle); i !== -1; i = haystack.indexOf(needle, i + 1)) {
        const end = i + needle.length
        if (needle.length > 3 || isWord(haystack, i, end)) spans.push([at[i] ?? 0, at[end] ?? original.length])
      }
    }
  }
  return spans.toSorted(([a], [b]) => a - b)
}

/** @internal */
export const make = (secrets: ReadonlyArray<Redacted.Redacted>): Secrets => {
  const values = [...new Set(secrets.map(Redacted.value))].filter(Boolean)

  const clean = (text: string): string => {
    const layers = Array.from(texts(text), comparable)
    const needles = [...new Set(values.flatMap(needlesOf).map(comparable))].filter((needle) =>
      layers.some((layer) => layer.includes(needle))
    )
    if (needles.length === 0) return text
    let result = ""
    let end = 0
    for (const [from, to] of spans(text, needles)) {
      if (from >= end) result += `${text.slice(end, from)}<redacted>`
      end = Math.max(end, to)
    }
    return result + text.slice(end)
  }

  return {
    clean,
    code: (code) =>
      code !== undefined &&
      !values.includes(code) &&
      (known.has(code) || (looksLikeCode(code) && clean(code) === code && !isPiece(code, values)))
        ? code
        : undefined,
    cause: (cause) => {
      const { messages, stacks } = messagesOf(cause)
      return [...messages, ...stacks].every((text) => clean(text) === text)
        ? cause
        : new Error(clean(messages.at(-1) ?? ""))
    }
  }
}

const known = new Set<string>(errorCodes)

const looksLikeCode = (text: string): boolean => /^[A-Za-z]\w{0,63}$/.test(text)

/** Whether a code is a part of a secret; shorter codes may be so by chance. */
const isPiece = (code: string, secrets: ReadonlyArray<string>): boolean =>
  code.length >= 8 && secrets.some((secret) => secret.includes(code))
