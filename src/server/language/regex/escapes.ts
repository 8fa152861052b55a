/** What stands behind a backslash. */
import { invalid, unsupported } from "../LanguageError.ts"
import { escapedSets, type Range } from "./syntax.ts"

/** Reads a pattern from its start to its end. */
export class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  sees(text: string): boolean {
    return this.#text.startsWith(text, this.#at)
  }

  take(text: string): boolean {
    if (!this.sees(text)) return false
    this.#at += text.length
    return true
  }

  /** Takes what a sticky regular expression matches here. */
  match(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  /** Takes one character. */
  next(): string {
    const code = this.#text.codePointAt(this.#at)
    if (code === undefined) return this.fail("it ends too early")
    const text = String.fromCodePoint(code)
    this.#at += text.length
    return text
  }

  /** Takes what stands before a mark, and the mark. */
  until(mark: string, mayBeOpen = false): string {
    const end = this.#text.indexOf(mark, this.#at)
    if (end < 0 && !mayBeOpen) this.fail(`missing ${mark}`)
    const text = this.#text.slice(this.#at, end < 0 ? undefined : end)
    this.#at += text.length + mark.length
    return text
  }

  fail(why: string): never {
    return invalid(`Regular expression is invalid: ${why} at offset ${this.#at}`, 51091)
  }
}

export type Escape =
  | { readonly kind: "character"; readonly code: number }
  | { readonly kind: "set"; readonly ranges: ReadonlyArray<Range>; readonly others: ReadonlyArray<string> }
  | { readonly kind: "assertion"; readonly source: string; readonly isOfWords?: boolean }
  | { readonly kind: "reference"; readonly to: number | string; readonly relative: boolean }
  | { readonly kind: "newline" }

const controls: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 }

const assertions: Readonly<Record<string, string>> = { A: "^", z: "$", Z: "(?=\\n?$)", b: "\\b", B: "\\B" }

const character = (code: number): Escape => ({ kind: "character", code })
const octal = (digits: string): Escape => character(Number.parseInt(digits, 8))

/** Reads an escape outside of a class, where there are at most `mostGroups` groups to refer to. */
export const readEscape = (reader: Reader, mostGroups: number): Escape => {
  const decimal = reader.match(/\\(?=([1-9]\d*))/y)
  if (decimal?.[1] !== undefined) return readDecimal(decimal[1], reader, mostGroups)
  const named = reader.match(/\\(?:k(?:<(\w+)>|'(\w+)'|\{(\w+)\})|g\{([A-Za-z_]\w*)\})/y)
  if (named !== undefined) {
    return { kind: "reference", to: named[1] ?? named[2] ?? named[3] ?? named[4] ?? "", relative: false }
  }
  const numbered = reader.match(/\\g(?:(-?\d+)|\{(-?\d+)\})/y)
  if (numbered !== undefined) {
    const number = Number(numbered[1] ?? numbered[2])
    return { kind: "reference", to: Math.abs(number), relative: number < 0 }
  }
  const assertion = reader.match(/\\([AzZbB])/y)
  if (assertion?.[1] !== undefined) {
    const [, name] = assertion
    return { kind: "assertion", source: assertions[name] ?? "", isOfWords: name === "b" || name === "B" }
  }
  if (reader.take("\\R")) return { kind: "newline" }
  const foreign = reader.match(/\\[GKXCg]/y)
  return foreign === undefined ? readCommonEscape(reader) : unsupported(`${foreign[0]} in a regular expression`)
}

/** A reference, or where there are fewer groups a character in octal digits. */
const readDecimal = (digits: string, reader: Reader, mostGroups: number): Escape => {
  const number = Number(digits)
  if (number < 10 || number <= mostGroups) {
    reader.take(digits)
    return { kind: "reference", to: number, relative: false }
  }
  const octals = reader.match(/[0-7]{1,3}/y)?.[0]
  return octals === undefined ? reader.fail(`there is no group ${digits}`) : octal(octals)
}

/** Reads an escape that means the same in a class and outside of one. */
export const readCommonEscape = (reader: Reader): Escape => {
  if (reader.match(/\\$/y) !== undefined) reader.fail("it ends with a backslash")
  const hexadecimal = reader.match(/\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{0,2}))/y)
  if (hexadecimal !== undefined) return codePoint(Number.parseInt(hexadecimal[1] ?? `0${hexadecimal[2]}`, 16), reader)
  const octals = reader.match(/\\(?:o\{([0-7]+)\}|(0[0-7]{0,2}))/y)
  if (octals !== undefined) return codePoint(Number.parseInt(octals[1] ?? octals[2] ?? "0", 8), reader)
  const control = reader.match(/\\c([ -~])/y)
  if (control?.[1] !== undefined) return character(control[1].toUpperCase().charCodeAt(0) ^ 64)
  const property = reader.match(/\\([pP])(?:\{(\^?)([^}]*)\}|([A-Z]))/y)
  if (property !== undefined) {
    const isNegated = (property[1] === "P") !== (property[2] === "^")
    return { kind: "set", ranges: [], others: [propertyOf(property[3] ?? property[4] ?? "", isNegated)] }
  }
  if (reader.match(/\\N\{(?!\d+(?:,\d*)?\})/y) !== undefined) reader.fail("names of characters are not supported")
  reader.take("\\")
  const letter = reader.next()
  const ranges = Object.hasOwn(escapedSets, letter) ? escapedSets[letter] : undefined
  if (ranges !== undefined) return { kind: "set", ranges, others: [] }
  if (Object.hasOwn(controls, letter)) return character(controls[letter] ?? 0)
  if (/[A-Za-z0-9]/.test(letter)) reader.fail(`unrecognized character after a backslash: ${letter}`)
  return character(letter.codePointAt(0) ?? 0)
}

const codePoint = (code: number, reader: Reader): Escape =>
  code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
    ? reader.fail("there is no character of this number")
    : character(code)

/** Properties that Unicode has not. */
const ownProperties: Readonly<Record<string, string>> = {
  Any: "\\p{Any}",
  "L&": "\\p{Lu}\\p{Ll}\\p{Lt}",
  Xan: "\\p{L}\\p{N}",
  Xsp: "\\t-\\r\\p{Z}",
  Xps: "\\t-\\r\\p{Z}",
  Xwd: "\\p{L}\\p{N}_"
}

/** A property as JavaScript writes it inside of a class. */
const propertyOf = (name: string, isNegated: boolean): string => {
  const own = Object.hasOwn(ownProperties, name) ? ownProperties[name] : undefined
  if (own !== undefined) return isNegated ? `[^${own}]` : own
  const isCategory = /^(?:C[cfnos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/.test(name)
  const source = `\\${isNegated ? "P" : "p"}{${isCategory ? "" : "Script="}${name}}`
  if (!isCategory && !isKnown(source)) unsupported(`\\p{${name}} in a regular expression`)
  return source
}

const isKnown = (source: string): boolean => {
  try {
    return /^[\\{}=\w]+$/.test(source) && new RegExp(source, "v") instanceof RegExp
  } catch {
    return false
  }
}
