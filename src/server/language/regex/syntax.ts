/** Regular expressions of PCRE as trees, before they are written as ones of JavaScript. */

/** Characters by their code points. */
export interface CharacterSet {
  readonly isNegated: boolean
  /** Those that are written, which may ignore case. */
  readonly ranges: ReadonlyArray<Range>
  /** Those of `\w` and `[:alpha:]`, which never ignore it. */
  readonly exact: ReadonlyArray<Range>
  /** What ranges cannot say, as JavaScript writes it inside of a class: it never ignores case. */
  readonly others: ReadonlyArray<string>
  readonly isInsensitive: boolean
}

/** From a code point to another one, both included. */
export type Range = readonly [from: number, to: number]

export type Node =
  | { readonly kind: "character"; readonly code: number; readonly isInsensitive: boolean }
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "sequence"; readonly items: ReadonlyArray<Node> }
  | { readonly kind: "alternatives"; readonly branches: ReadonlyArray<Node> }
  /** With its number where it captures. */
  | { readonly kind: "group"; readonly number: number | undefined; readonly body: Node }
  | { readonly kind: "atomic"; readonly body: Node }
  | { readonly kind: "look"; readonly isBehind: boolean; readonly isNegative: boolean; readonly body: Node }
  /** What matches no character, as JavaScript writes it. */
  | { readonly kind: "assertion"; readonly source: string; readonly isOfWords?: boolean }
  | { readonly kind: "reference"; readonly to: number | string; readonly isInsensitive: boolean }
  | Repeat

export interface Repeat {
  readonly kind: "repeat"
  readonly body: Node
  readonly least: number
  readonly most: number
  readonly mode: "greedy" | "lazy" | "possessive"
}

/** A regular expression and the groups that it captures. */
export interface Parsed {
  readonly root: Node
  readonly groups: number
  /** Whether case is ignored anywhere in it. */
  readonly ignoresCase: boolean
  readonly names: ReadonlyMap<string, number>
}

const last = 0x10ffff

/** All characters that are in none of the ranges. */
export const complement = (ranges: ReadonlyArray<Range>): ReadonlyArray<Range> => {
  const out: Array<Range> = []
  let next = 0
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    if (from > next) out.push([next, from - 1])
    next = Math.max(next, to + 1)
  }
  if (next <= last) out.push([next, last])
  return out
}

const ranges = (text: string): ReadonlyArray<Range> =>
  text.split(" ").map((part): Range => {
    const [from = "", to = from] = part.split("-")
    return [Number.parseInt(from, 16), Number.parseInt(to, 16)]
  })

const digit = ranges("30-39")
const space = ranges("9-d 20")
const word = ranges("30-39 41-5a 5f 61-7a")
const horizontal = ranges("9 20 a0 1680 180e 2000-200a 202f 205f 3000")
const vertical = ranges("a-d 85 2028-2029")

/** The classes that a backslash and a letter stand for: ASCII, as PCRE has them. */
export const escapedSets: Readonly<Record<string, ReadonlyArray<Range>>> = {
  d: digit,
  D: complement(digit),
  s: space,
  S: complement(space),
  w: word,
  W: complement(word),
  h: horizontal,
  H: complement(horizontal),
  v: vertical,
  V: complement(vertical),
  N: complement(ranges("a"))
}

/** The classes that are written `[:name:]` inside of a class. */
export const posixSets: Readonly<Record<string, ReadonlyArray<Range>>> = {
  alnum: ranges("30-39 41-5a 61-7a"),
  alpha: ranges("41-5a 61-7a"),
  ascii: ranges("0-7f"),
  blank: ranges("9 20"),
  cntrl: ranges("0-1f 7f"),
  digit,
  graph: ranges("21-7e"),
  lower: ranges("61-7a"),
  print: ranges("20-7e"),
  punct: ranges("21-2f 3a-40 5b-60 7b-7e"),
  space,
  upper: ranges("41-5a"),
  word,
  xdigit: ranges("30-39 41-46 61-66")
}

/** Every character but the end of a line, or every character. */
export const dot = (all: boolean): Node => ({
  kind: "set",
  set: {
    isNegated: false,
    ranges: [],
    exact: all ? [[0, last]] : complement(ranges("a")),
    others: [],
    isInsensitive: false
  }
})
