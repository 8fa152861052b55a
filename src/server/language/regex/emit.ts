/** Writes a parsed regular expression as one of JavaScript, of the flag `v`. */
import { invalid, unsupported } from "../LanguageError.ts"
import { capturedBy, capturesDiffer, lengthOf, mayBeEmpty, mayPreferNothing, neverFails, refers } from "./analysis.ts"
import type { CharacterSet, Node, Parsed, Range, Repeat } from "./syntax.ts"

/** What is made of a pattern. */
export interface Emitted {
  readonly source: string
  readonly flags: string
  /** The groups of the pattern by their numbers: each is another group of JavaScript. */
  readonly groups: ReadonlyArray<number>
  /** Whether what groups capture may differ. */
  readonly capturesDiffer: boolean
  /** Whether it may match nothing. */
  readonly mayBeEmpty: boolean
}

/** Writes a pattern. */
export const emit = (parsed: Parsed): Emitted => {
  const cases = parsed.ignoresCase ? casesOf(parsed.root) : new Set<Case>()
  const isInsensitive = cases.size === 1 && cases.has("insensitive")
  const emitter = new Emitter(parsed, isInsensitive)
  const source = emitter.write(parsed.root)
  return {
    source,
    flags: isInsensitive ? "iv" : "v",
    groups: Array.from({ length: parsed.groups }, (_, i) => emitter.groups.get(i + 1) ?? 0),
    capturesDiffer: emitter.capturesDiffer,
    mayBeEmpty: mayBeEmpty(parsed.root)
  }
}

type Case = "sensitive" | "insensitive"

const isCased = (code: number): boolean => variantsOf(code).length > 1

/** Which of both is asked for, where it makes a difference. */
const casesOf = (node: Node): ReadonlySet<Case> => {
  const one = (isInsensitive: boolean): ReadonlySet<Case> => new Set([isInsensitive ? "insensitive" : "sensitive"])
  switch (node.kind) {
    case "character":
      return isCased(node.code) ? one(node.isInsensitive) : new Set()
    case "set":
      return new Set([
        ...(node.set.ranges.some(hasCased) ? one(node.set.isInsensitive) : []),
        ...(node.set.others.length > 0 || hasOneCase(node.set.exact) ? one(false) : [])
      ])
    case "reference":
      return one(node.isInsensitive)
    case "sequence":
      return new Set(node.items.flatMap((item) => [...casesOf(item)]))
    case "alternatives":
      return new Set(node.branches.flatMap((branch) => [...casesOf(branch)]))
    case "group":
    case "atomic":
    case "look":
    case "repeat":
      return casesOf(node.body)
    case "assertion":
      // with its flag for it, JavaScript takes more characters for those of words
      return node.isOfWords === true ? one(false) : new Set()
  }
}

/** Where Unicode has cases: beyond, there are none. */
const lastCased = 0x1e943

const hasCased = ([from, to]: Range): boolean => {
  for (let code = from; code <= Math.min(to, lastCased); code++) if (isCased(code)) return true
  return false
}

/** The characters that classes named by a letter or a word may have without all of their cases. */
const candidates: ReadonlyArray<number> = [
  ...Array.from({ length: 0x250 }, (_, code) => code),
  // the signs of Kelvin and of Ångström
  0x212a,
  0x212b
]

/** Whether there is a character in the ranges without all of its cases. */
const hasOneCase = (ranges: ReadonlyArray<Range>): boolean => {
  const has = (code: number) => ranges.some(([from, to]) => from <= code && code <= to)
  return candidates.some((code) => has(code) && !variantsOf(code).every(has))
}

/** What Unicode folds to the same character, and is not found by making it large and small. */
const folded: Readonly<Record<string, string>> = { s: "\u017F", k: "\u212A", "\u00E5": "\u212B" }

/** A character in its cases. */
const variantsOf = (code: number): ReadonlyArray<number> => {
  const text = String.fromCodePoint(code)
  const small = text.toLowerCase()
  const all = new Set([text, small, text.toUpperCase(), small.toUpperCase()])
  if (Object.hasOwn(folded, small)) all.add(folded[small] ?? "")
  const codes = [...all].map((variant) => Array.from(variant, (character) => character.codePointAt(0) ?? 0))
  return codes.flatMap((variant) => (variant.length === 1 ? variant : []))
}

class Emitter {
  readonly groups = new Map<number, number>()
  capturesDiffer = false
  readonly #parsed: Parsed
  readonly #isInsensitive: boolean
  #count = 0
  /** The groups that have captured wherever the writing is. */
  #captured: ReadonlySet<number> = new Set()
  #isBehind = false

  constructor(parsed: Parsed, isInsensitive: boolean) {
    this.#parsed = parsed
    this.#isInsensitive = isInsensitive
  }

  write(node: Node): string {
    switch (node.kind) {
      case "character":
        return this.#character(node.code, node.isInsensitive && !this.#isInsensitive)
      case "set":
        return writeSet(node.set, node.set.isInsensitive && !this.#isInsensitive)
      case "assertion":
        return node.source
      case "sequence":
        return node.items.map((item) => this.#following(item)).join("")
      case "alternatives":
        return `(?:${node.branches.map((branch) => this.#aside(branch)).join("|")})`
      case "group":
        return this.#group(node.number, node.body)
      case "atomic":
        return this.#atomic(node.body)
      case "look":
        return this.#look(node)
      case "reference":
        return this.#reference(node.to, node.isInsensitive)
      case "repeat":
        return this.#repeat(node)
    }
  }

  #character(code: number, expands: boolean): string {
    const variants = expands ? variantsOf(code) : [code]
    if (variants.length > 1) return `[${variants.map(escapedCode).join("")}]`
    const text = String.fromCodePoint(code)
    return /[\^$\\.*+?()[\]{}|/]/.test(text) ? `\\${text}` : code < 32 ? escapedCode(code) : text
  }

  /** What follows may refer to the groups of what it follows. */
  #following(node: Node): string {
    const source = this.write(node)
    this.#captured = new Set([...this.#captured, ...capturedBy(node)])
    return source
  }

  #aside(node: Node): string {
    const captured = this.#captured
    const source = this.write(node)
    this.#captured = captured
    return source
  }

  #group(number: number | undefined, body: Node): string {
    if (number === undefined) return `(?:${this.#aside(body)})`
    this.groups.set(number, ++this.#count)
    return `(${this.#aside(body)})`
  }

  /** JavaScript never goes back into a lookahead: it captures, and what it captured has to follow. */
  #atomic(body: Node): string {
    if (this.#isBehind) unsupported("an atomic group in a lookbehind of a regular expression")
    const number = ++this.#count
    return `(?:(?=(${this.#aside(body)}))\\${number})`
  }

  #look({ body, isBehind, isNegative }: Extract<Node, { kind: "look" }>): string {
    const before = this.#isBehind
    if (isBehind) {
      const branches = body.kind === "alternatives" ? body.branches : [body]
      if (refers(body)) unsupported("a reference to a group in a lookbehind of a regular expression")
      if (branches.some((branch) => lengthOf(branch) === undefined)) {
        invalid("Regular expression is invalid: a lookbehind must match a fixed number of characters", 51091)
      }
      this.#isBehind = true
    }
    const source = `(?${isBehind ? "<" : ""}${isNegative ? "!" : "="}${this.#aside(body)})`
    this.#isBehind = before
    return source
  }

  /** What refers to a group that captured nothing fails in PCRE, and matches in JavaScript. */
  #reference(to: number | string, isInsensitive: boolean): string {
    const number = typeof to === "number" ? to : this.#parsed.names.get(to)
    if (number === undefined || number < 1 || number > this.#parsed.groups) {
      return invalid(`Regular expression is invalid: there is no group ${to} to refer to`, 51091)
    }
    if (!this.#captured.has(number)) {
      unsupported(`a reference to the group ${to} of a regular expression, which may have captured nothing,`)
    }
    if (isInsensitive && !this.#isInsensitive) {
      unsupported(`a reference to the group ${to} that ignores case in a part of a regular expression`)
    }
    return `(?:\\${this.groups.get(number) ?? 0})`
  }

  #repeat(node: Repeat): string {
    const { body, least, mode, most } = node
    if (mode === "possessive") return this.#atomic({ ...node, mode: "greedy" })
    // PCRE tries what may match nothing, and JavaScript does not: what it would capture is lost
    if (least === 0 && most === 1 && mode === "greedy" && neverFails(body)) return this.#aside(body)
    // PCRE ends a repetition at a round that matched nothing, and JavaScript lets that round match something else
    if (most > 1 && mayBeEmpty(body) && mayPreferNothing(body)) {
      unsupported("the repetition of what may match nothing first in a regular expression")
    }
    this.capturesDiffer ||= capturesDiffer(node)
    const written = this.#aside(body)
    const isOne = body.kind === "character" || body.kind === "set" || body.kind === "group"
    return `${isOne ? written : `(?:${written})`}${countOf(least, most)}${mode === "lazy" ? "?" : ""}`
  }
}

const countOf = (least: number, most: number): string => {
  if (most === Infinity) return least === 0 ? "*" : least === 1 ? "+" : `{${least},}`
  return least === 0 && most === 1 ? "?" : least === most ? `{${least}}` : `{${least},${most}}`
}

const escapedCode = (code: number): string =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
    ? String.fromCodePoint(code)
    : `\\u{${code.toString(16)}}`

const writeSet = (set: CharacterSet, expands: boolean): string => {
  const ranges = [...set.ranges, ...(expands ? set.ranges.flatMap(otherCases) : []), ...set.exact]
  const inner = [
    ...ranges.map(([from, to]) => (from === to ? escapedCode(from) : `${escapedCode(from)}-${escapedCode(to)}`)),
    ...set.others
  ]
  return `[${set.isNegated ? "^" : ""}${inner.join("")}]`
}

const otherCases = ([from, to]: Range): ReadonlyArray<Range> => {
  const count = Math.max(0, Math.min(to, lastCased) - from + 1)
  const codes = Array.from({ length: count }, (_, i) => variantsOf(from + i)).flat()
  return [...new Set(codes)].filter((code) => code < from || code > to).map((code): Range => [code, code])
}
